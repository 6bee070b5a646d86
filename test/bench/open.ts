import type { Command, Invocation } from '../../cli/command.ts';
import { barChart } from './bar-chart.ts';
import { http1Contenders, originAlone, type Subject, startContender } from './contenders.ts';
import { listFlag, numberFlag } from './flags.ts';
import { http1Hop } from './hop.ts';
import { startHttp1Ends } from './http1-ends.ts';
import { describeRun, writeJson, writePicture } from './json-output.ts';
import { formatMarks } from './marks.ts';
import { measureOpenBlock, type OpenSettings, openWarmupSeconds } from './open-block.ts';
import { formatOpen, judgeOpen, type OpenBlock, type OpenMeasured, openCharts, openDoubts } from './open-figures.ts';
import { formatValidation, validateOpenLoad } from './open-validation.ts';
import type { Placement } from './placement.ts';
import { showProgress } from './progress.ts';
import { withRig } from './rig.ts';
import { startSpanSink } from './span-sink.ts';

export const command: Command = {
  name: 'open',
  summary: 'Latency that one worker adds at a fixed rate (open loop), beside HAProxy, nginx and Envoy in the same run.',
  options: {
    rounds: { value: 'N', default: '7', text: 'Blocks per proxy; figures are medians of them.' },
    seconds: { value: 'S', default: '6', text: 'Length of a block; its first second is not measured.' },
    rate: { value: 'N', default: '5000', text: 'Requests a second.' },
    connections: { value: 'N', default: '64', text: 'Connections of the load.' },
    traces: { value: 'SHARE', default: '0.01', text: 'Share of Meshlane’s requests that make a span; 0 for none.' },
    only: { value: 'NAME,...', text: `Some of ${http1Contenders.join(', ')}; the origin without a proxy always.` },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: {
      value: 'FILE',
      text: 'Write everything measured and a picture beside it (.svg); - is stdout (the table goes to stderr).',
    },
    check: { text: 'Exit with 1 when a mark is not met.' },
    validate: { text: 'Instead of measuring proxies: hold the generator against a server whose delay is known.' },
  },
  details: [
    'Each request has a time at which it is due, drawn beforehand; latency counts from there, so a proxy that stalls is',
    'charged for every request that should have been sent meanwhile. What a proxy adds is the quantile through it less the',
    'quantile without it in the same round. Added latencies are far below a millisecond: the machine must be idle.',
    '',
    'The generator never sleeps and has a CPU to itself. The origin shares that of the proxy unless there is a third one:',
    'then the way to the proxied origin has exactly the wake-ups of the direct way plus the proxy.',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const settings: OpenSettings & { rounds: number } = {
    rounds: numberFlag(invocation, 'rounds', { min: 1, max: 1000 }),
    seconds: numberFlag(invocation, 'seconds', { min: 2, max: 600 }),
    perSecond: numberFlag(invocation, 'rate', { min: 100, max: 50_000 }),
    connections: numberFlag(invocation, 'connections', { min: 1, max: 2000 }),
  };
  const sampleRatio = numberFlag(invocation, 'traces', { min: 0, max: 1, isWhole: false });
  const only = listFlag(invocation, 'only', http1Contenders);
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: !invocation.isSet('no-pin'), status: progress.note }, async (rig) => {
    if (invocation.isSet('validate')) {
      const { text, isMet } = formatValidation(await validateOpenLoad(rig, progress.status));
      progress.clear();
      print(text);
      return invocation.isSet('check') && !isMet ? 1 : 0;
    }
    const ends = await startHttp1Ends(rig, { sizeBytes: 1024, originCpu: rig.place.originCpu });
    const sink = await startSpanSink(rig);
    const subjects: Subject[] = [originAlone(ends)];
    const notes: string[] = [];
    for (const name of only) {
      progress.status(`starting ${name}`);
      const options = { hops: [http1Hop], spansPort: sink.port, sampleRatio };
      const started = await startContender(name, rig, ends, options);
      if ('missing' in started) notes.push(`${name} is left out: ${started.missing}`);
      else subjects.push(started);
    }
    for (const subject of subjects) {
      progress.status(`warming up ${subject.name}`);
      await measureOpenBlock(subject, { ...settings, seconds: 3 }, 0, rig.place);
    }
    const rows = subjects.map((subject) => ({ subject, blocks: [] as OpenBlock[] }));
    for (let round = 1; round <= settings.rounds; round++)
      for (const { subject, blocks } of rows) {
        progress.status(`round ${round} of ${settings.rounds}: ${subject.name}`);
        blocks.push(await measureOpenBlock(subject, settings, round, rig.place));
      }
    progress.clear();
    const measured: OpenMeasured[] = rows.map(({ subject: { name, version, processes }, blocks }) => ({
      name,
      version,
      isDirect: processes.length === 0,
      blocks,
    }));
    const marks = judgeOpen(measured);
    notes.push(...openDoubts(measured));
    const title =
      `HTTP/1.1 open loop, ${settings.perSecond} requests a second over ${settings.connections} connections, replies of 1024 bytes; ` +
      `medians of ${settings.rounds} × ${settings.seconds - openWarmupSeconds} s; ${sayPlaces(rig.place)}`;
    print(
      [
        title,
        '',
        formatOpen(measured),
        ...(notes.length > 0 ? ['', ...notes.map((note) => `note: ${note}`)] : []),
        ...(marks.length > 0 ? ['', formatMarks(marks)] : []),
      ].join('\n'),
    );
    if (jsonFile !== undefined) {
      const places = rig.place;
      writeJson(jsonFile, {
        bench: 'open',
        ...(await describeRun()),
        settings,
        sampleRatio,
        places,
        measured,
        marks,
        notes,
      });
      writePicture(jsonFile, barChart(title, openCharts(measured)));
    }
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

function sayPlaces({ proxyCpu, loadCpu, originCpu, note }: Placement): string {
  return proxyCpu === null ? note : `proxy on CPU ${proxyCpu}, origin on CPU ${originCpu}, load on CPU ${loadCpu}`;
}
