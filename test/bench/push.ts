import { type Command, type Invocation, UsageError } from '../../cli/command.ts';
import { freePort } from '../harness/free-port.ts';
import { startProcess } from '../harness/process.ts';
import { barChart } from './bar-chart.ts';
import { watchCpu } from './cpu-watch.ts';
import { numberFlag } from './flags.ts';
import { describeRun, writeJson, writePicture } from './json-output.ts';
import { formatMarks } from './marks.ts';
import { onProxyCpu } from './placement.ts';
import { showProgress } from './progress.ts';
import {
  explainPush,
  formatPush,
  formatSustained,
  judgePush,
  type PushMeasured,
  pushCharts,
  type SustainedMeasured,
} from './push/push-figures.ts';
import { type PushLoad, type PushReport, runFleet, type SustainedReport } from './push/push-load.ts';
import { type Rig, withRig } from './rig.ts';
import { mainFile, root } from './start-meshlane.ts';

const usualFleets = [100, 300, 1_000, 3_000, 5_000];
const largeFleet = 10_000;
const sustainedFleet = 1_000;

export const command: Command = {
  name: 'push',
  summary: 'How fast one control plane on one CPU brings changes to thousands of sidecars.',
  options: {
    sidecars: {
      value: 'N,...',
      default: usualFleets.join(','),
      text: 'Sizes of the fleet, each with a control plane of its own.',
    },
    large: { text: `A fleet of ${largeFleet} on top.` },
    changes: { value: 'N', default: '100', text: 'Single changes for each size.' },
    seconds: {
      value: 'S',
      default: '5',
      text: `Length of 5,000 endpoint changes a second to ${sustainedFleet} sidecars; 0 leaves them out.`,
    },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: {
      value: 'FILE',
      text: 'Write everything measured and a picture beside it (.svg); - is stdout (the table goes to stderr).',
    },
    check: { text: 'Exit with 1 when a mark is not met.' },
  },
  details: [
    'The sidecars are simulated by one process on the other CPU: each has a connection of its own and answers every update at',
    'once. Latency counts from when a watch of the control API tells that the change is stored until the last sidecar has it;',
    '"known" is until a rollout says so, once all have answered. CPU time for a change includes the request that makes it. In',
    'a storm all connections break and come back without a pause, which real sidecars spread over two seconds. Endpoint',
    'changes come in batches of 100, to sidecars that call 5 of 100 services each.',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const changes = numberFlag(invocation, 'changes', { min: 1, max: 10_000 });
  const seconds = numberFlag(invocation, 'seconds', { min: 0, max: 600 });
  const fleets = [...fleetsOf(invocation), ...(invocation.isSet('large') ? [largeFleet] : [])];
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: !invocation.isSet('no-pin'), status: progress.note }, async (rig) => {
    const measured: PushMeasured[] = [];
    for (const sidecars of fleets) {
      progress.status(`${sidecars} sidecars`);
      measured.push({ sidecars, ...(await measure<PushReport>(rig, { sidecars, changes, seconds: 0 })) });
    }
    let sustained: SustainedMeasured | null = null;
    if (seconds > 0) {
      progress.status(`endpoint changes for ${seconds} s`);
      const load = { sidecars: sustainedFleet, changes: 0, seconds };
      sustained = { sidecars: sustainedFleet, ...(await measure<SustainedReport>(rig, load)) };
    }
    progress.clear();
    const marks = judgePush(measured, sustained);
    const title = `A change to N sidecars by one control plane on one CPU; ${changes} changes each; ${rig.place.note}`;
    const parts = [title, formatPush(measured), sustained ? formatSustained(sustained) : '', explainPush(measured)];
    print(`${parts.filter((part) => part !== '').join('\n\n')}\n\n${formatMarks(marks)}`);
    if (jsonFile !== undefined) {
      const settings = { fleets, changes, seconds };
      writeJson(jsonFile, {
        bench: 'push',
        ...(await describeRun()),
        settings,
        placement: rig.place,
        measured,
        sustained,
        marks,
      });
      writePicture(jsonFile, barChart(title, pushCharts(measured)));
    }
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

function fleetsOf(invocation: Invocation): number[] {
  return invocation
    .flag('sidecars')!
    .split(',')
    .map((text) => {
      const sidecars = Number(text);
      if (Number.isInteger(sidecars) && sidecars >= 1 && sidecars <= largeFleet) return sidecars;
      throw new UsageError(`--sidecars must be whole numbers from 1 to ${largeFleet}; got "${text}"`);
    });
}

async function measure<Report extends PushReport | SustainedReport>(
  rig: Rig,
  load: Pick<PushLoad, 'sidecars' | 'changes' | 'seconds'>,
): Promise<Report & { foreignShare: number | null }> {
  const [api, pushPort] = [await freePort(), await freePort()];
  const addresses = ['--api', `127.0.0.1:${api}`, '--push', `127.0.0.1:${pushPort}`];
  const plane = await startProcess({
    ...onProxyCpu(rig.place, process.execPath, [
      mainFile,
      'control-plane',
      ...addresses,
      '--store',
      'sqlite::memory:',
      '--insecure',
    ]),
    cwd: root,
    t: rig.owner,
    ready: /^ready: /,
  });
  const watched = watchCpu([plane], rig.place);
  const report = await runFleet<Report>({ url: `http://127.0.0.1:${api}`, pushPort, pid: plane.pid, ...load });
  const { foreignShare } = watched();
  await plane.stop();
  return { ...report, foreignShare };
}
