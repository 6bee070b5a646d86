import { setTimeout as wait } from 'node:timers/promises';
import type { Command, Invocation } from '../../cli/command.ts';
import { numberFlag } from './flags.ts';
import { describeRun, writeJson } from './json-output.ts';
import { type LightReport, loadLightly } from './light-load.ts';
import { formatMarks, type Mark } from './marks.ts';
import { startOrigin } from './origin.ts';
import { residentBytesOf } from './proc.ts';
import { showProgress } from './progress.ts';
import { withRig } from './rig.ts';
import { type Sidecar, startMeshSidecar, startStaticSidecar } from './sidecars.ts';
import { startSpanSink } from './span-sink.ts';
import { formatCount, formatMegabytes, formatTable } from './table.ts';

const promisedBytes = 90e6;
const perSecond = 200;

export const command: Command = {
  name: 'rss',
  summary: 'Memory of a sidecar with the shop’s configuration, one worker: idle, and after a light load.',
  options: {
    seconds: {
      value: 'S',
      default: '10',
      text: `Length of the load (${perSecond} requests a second, outbound and inbound).`,
    },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: { value: 'FILE', text: 'Write what was measured; - is stdout (the table goes to stderr).' },
    check: { text: 'Exit with 1 when the mark is not met.' },
  },
  run,
};

type Row = { name: string; idleBytes: number; loadedBytes: number; peakBytes: number; load: LightReport };

async function run(invocation: Invocation): Promise<number> {
  const seconds = numberFlag(invocation, 'seconds', { min: 1, max: 600 });
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: !invocation.isSet('no-pin'), status: progress.note }, async (rig) => {
    const origin = await startOrigin(rig, 1024);
    const sink = await startSpanSink(rig);
    const kinds: { name: string; start(): Promise<Sidecar> }[] = [
      { name: 'from a file', start: () => startStaticSidecar(rig, origin, sink.port) },
      { name: 'from a control plane', start: () => startMeshSidecar(rig, origin, sink.port) },
    ];
    const rows: Row[] = [];
    const failures: string[] = [];
    for (const { name, start } of kinds) {
      progress.status(`sidecar ${name}: starting`);
      const sidecar = await start().catch((error: Error) => error);
      if (sidecar instanceof Error) {
        failures.push(`sidecar ${name} did not start: ${sidecar.message}`);
        continue;
      }
      await wait(settleMs);
      const idleBytes = residentBytesOf(sidecar.pid).now;
      progress.status(`sidecar ${name}: light load`);
      const load = await loadLightly(sidecar.targets, perSecond, seconds);
      const after = residentBytesOf(sidecar.pid);
      rows.push({ name, idleBytes, loadedBytes: after.now, peakBytes: after.peak, load });
    }
    progress.clear();
    const marks = rows.map(judge);
    print(
      [
        `Sidecar of the shop’s order service, one worker; ${perSecond} req/s for ${seconds} s; RSS in MB`,
        '',
        formatTable(
          ['', 'idle', 'after load', 'peak', 'answered', 'failed'],
          rows.map(({ name, idleBytes, loadedBytes, peakBytes, load }) => [
            name,
            ...[idleBytes, loadedBytes, peakBytes].map(formatMegabytes),
            formatCount(load.answered),
            formatCount(load.failed),
          ]),
        ),
        '',
        formatMarks(marks),
        ...failures,
      ].join('\n'),
    );
    if (jsonFile !== undefined)
      writeJson(jsonFile, {
        bench: 'rss',
        ...(await describeRun()),
        seconds,
        perSecond,
        sidecars: rows,
        failures,
        marks,
      });
    if (failures.length > 0) return 1;
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

/** Time for start-up garbage to be collected and the first timers to run. */
const settleMs = 2000;

function judge({ name, idleBytes, loadedBytes, load }: Row): Mark {
  const worst = Math.max(idleBytes, loadedBytes);
  return {
    promise: `sidecar ${name} below ${formatMegabytes(promisedBytes)} MB, every request answered`,
    isMet: worst < promisedBytes && load.failed === 0,
    said: `${formatMegabytes(worst)} MB, ${load.failed} failed${sayFailures(load)}`,
  };
}

function sayFailures({ failures }: LightReport): string {
  const reasons = Object.entries(failures).map(([reason, count]) => `${count} x ${reason}`);
  return reasons.length === 0 ? '' : ` (${reasons.slice(0, 5).join('; ')})`;
}
