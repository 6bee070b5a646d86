import type { Command, Invocation } from '../../cli/command.ts';
import { type Block, measureBlock } from './block.ts';
import { startMeshlaneAlone } from './contenders.ts';
import type { Ends } from './ends.ts';
import { numberFlag } from './flags.ts';
import { http1Hop } from './hop.ts';
import { startHttp1Ends } from './http1-ends.ts';
import { describeRun, writeJson } from './json-output.ts';
import { formatMarks } from './marks.ts';
import { measureOpenBlock, type OpenSettings } from './open-block.ts';
import { pinAgain, spreadWorkers } from './placement.ts';
import { showProgress } from './progress.ts';
import { type Rig, withRig } from './rig.ts';
import { startSpanSink } from './span-sink.ts';
import { countWorkers, difference, probeFlags } from './worker-shares.ts';
import { formatShares, formatWorkers, judgeWorkers, type WorkersMeasured, workersDoubts } from './workers-figures.ts';

export const command: Command = {
  name: 'workers',
  summary: 'What several workers spend for a request beside one, and how evenly they share the load.',
  options: {
    rounds: { value: 'N', default: '5', text: 'Blocks of each load; figures are medians of them.' },
    seconds: { value: 'S', default: '5', text: 'Length of a block.' },
    workers: { value: 'N', default: '2', text: 'Workers to compare with one.' },
    rate: { value: 'N', default: '5000', text: 'Requests a second of the fixed rate.' },
    connections: { value: 'N', default: '64', text: 'Connections of the load; new ones in each block.' },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: { value: 'FILE', text: 'Write everything measured; - is stdout (the table goes to stderr).' },
    check: { text: 'Exit with 1 when a mark is not met.' },
  },
  details: [
    'CPU time a request is what counts, at a fixed rate, each worker on a CPU of its own, load and origin on all of these CPUs;',
    'one worker is measured on each of them in turn. It gets the same rate as several do together, and then what each of',
    'them gets: a worker that is less busy spends more a request. On one CPU, where threads also pay for taking turns, and on',
    'all CPUs without pins, figures are shown but not judged.',
    '',
    'Requests of each worker come from its metrics memory through a probe that is loaded into the proxy for this.',
  ].join('\n'),
  run,
};

type Settings = OpenSettings & { readonly rounds: number; readonly workers: number };

async function run(invocation: Invocation): Promise<number> {
  const settings: Settings = {
    rounds: numberFlag(invocation, 'rounds', { min: 1, max: 1000 }),
    seconds: numberFlag(invocation, 'seconds', { min: 2, max: 600 }),
    workers: numberFlag(invocation, 'workers', { min: 2, max: 64 }),
    perSecond: numberFlag(invocation, 'rate', { min: 100, max: 50_000 }),
    connections: numberFlag(invocation, 'connections', { min: 1, max: 2000 }),
  };
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: !invocation.isSet('no-pin'), status: progress.note }, async (rig) => {
    const [one, more] = await measure(rig, settings, progress.status);
    progress.clear();
    const marks = judgeWorkers(one, more);
    const notes = [one, more].flatMap(workersDoubts);
    print(
      [
        `HTTP/1.1 keep-alive, ${settings.connections} connections, replies of 1024 bytes; ${settings.perSecond} requests a second, ` +
          `or as many as possible; medians of ${settings.rounds} × ${settings.seconds} s; ${rig.place.note}`,
        '',
        formatWorkers([one, more]),
        '',
        formatShares(more),
        '',
        ...(notes.length > 0 ? [...notes.map((note) => `note: ${note}`), ''] : []),
        formatMarks(marks),
      ].join('\n'),
    );
    if (jsonFile !== undefined)
      writeJson(jsonFile, {
        bench: 'workers',
        ...(await describeRun()),
        settings,
        placement: rig.place,
        measured: [one, more],
        marks,
        notes,
      });
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

async function measure(
  rig: Rig,
  settings: Settings,
  status: (text: string) => void,
): Promise<[WorkersMeasured, WorkersMeasured]> {
  const ends = await startHttp1Ends(rig, { sizeBytes: 1024, originCpu: rig.place.originCpu });
  const { port: spansPort } = await startSpanSink(rig);
  const start = async (workers: number) => {
    status(`starting a proxy with ${workers} workers`);
    const options = { hops: [http1Hop], spansPort, sampleRatio: 0.01, workers, nodeFlags: probeFlags };
    const started = await startMeshlaneAlone(rig, ends, options);
    await measureBlock(started.subject, ends, { ...settings, seconds: 3 }, rig.place);
    return { ...started, workers, open: [], full: [], spread: [], apart: [], part: [] } as Row;
  };
  const rows: [Row, Row] = [await start(1), await start(settings.workers)];
  for (let round = 1; round <= settings.rounds; round++)
    for (const row of rows) {
      status(`round ${round} of ${settings.rounds}: ${row.workers}`);
      await measureRound(rig, ends, row, settings, round);
    }
  const result = ({ workers, apart, part, open, full, spread }: Row): WorkersMeasured => ({
    workers,
    apart,
    part,
    open,
    full,
    spread,
  });
  return [result(rows[0]), result(rows[1])];
}

type Started = Awaited<ReturnType<typeof startMeshlaneAlone>>;
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type Row = Started & Mutable<WorkersMeasured>;

async function measureRound(rig: Rig, ends: Ends, row: Row, settings: Settings, round: number): Promise<void> {
  const { subject, running, workers } = row;
  const { pid: originPid } = ends.origin;
  const { proxyCpu, loadCpu, originCpu } = rig.place;
  await pinAgain(originPid, [originCpu]); // the open load needs its CPU for itself
  const before = await countWorkers(running, workers);
  const block = await measureOpenBlock(subject, settings, round, rig.place);
  row.open.push({ ...block, counts: difference(before, await countWorkers(running, workers)) });
  await pinAgain(originPid, [loadCpu]);
  row.full.push(await measureBlock(subject, ends, settings, rig.place));
  const cpus = [proxyCpu, loadCpu];
  await pinAgain(originPid, cpus);
  await pinAgain(process.pid, cpus); // and so the load, which this process starts
  const pauseMs = (settings.connections * 1000) / settings.perSecond;
  const apart = async (connections: number): Promise<Block[]> => {
    const blocks: Block[] = [];
    for (const places of workers === 1 ? cpus.map((cpu) => [cpu]) : [cpus]) {
      await spreadWorkers(running.pid, places);
      blocks.push(await measureBlock(subject, ends, { connections, seconds: settings.seconds, pauseMs }, rig.place));
    }
    return blocks;
  };
  const whole = await apart(settings.connections);
  row.apart.push(whole);
  row.part.push(workers === 1 ? await apart(Math.ceil(settings.connections / settings.workers)) : whole);
  await pinAgain(process.pid, [loadCpu]);
  await pinAgain(running.pid, cpus);
  row.spread.push(await measureBlock(subject, ends, settings, rig.place));
  await pinAgain(running.pid, [proxyCpu]);
}
