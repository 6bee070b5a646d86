import type { Command, Invocation } from '../../../cli/command.ts';
import { Probes } from '../../../dataplane/supervisor/health-probes.ts';
import { measureBlock } from '../block.ts';
import { startMeshlaneAlone } from '../contenders.ts';
import type { Ends } from '../ends.ts';
import { listFlag, numberFlag } from '../flags.ts';
import { http1Hop } from '../hop.ts';
import { startHttp1Ends } from '../http1-ends.ts';
import { describeRun, writeJson } from '../json-output.ts';
import { formatMarks, type Mark } from '../marks.ts';
import { benchRequest } from '../mesh-config.ts';
import { showProgress } from '../progress.ts';
import { type Rig, withRig } from '../rig.ts';
import { startSpanSink } from '../span-sink.ts';
import { runStage } from '../stages/stages.ts';
import { formatTable } from '../table.ts';
import { timeFsync } from './fsync.ts';
import { type StoreName, startMesh, storeNames } from './mesh.ts';
import { type Times, timeEach, timesOf } from './quantiles.ts';
import { timeHeartbeats, timeReads, timeRegistrations } from './registrations.ts';
import { timeRoundTrips } from './round-trip.ts';

/** The best figures that a service mesh is known to claim (Hyperlane, a Rust framework), in milliseconds. */
const claimed = { registration: 0.5, discovery: 0.8, health: 1.2, decision: 0.3, call: 0.1 };

/** One line of the table; `claim` in milliseconds, where there is one to beat. */
type Cell = {
  readonly what: string;
  readonly times: Times;
  readonly claim?: number;
  /** What this machine takes for a part that nobody can leave out. */
  readonly floor?: Cell;
};

/** What the disk and a message take, without anything of ours. */
type Floors = { readonly disk: Cell; readonly message: Cell };

export const command: Command = {
  name: 'registry',
  summary: 'Registration, discovery, health check, balancing decision and local call, one at a time.',
  options: {
    times: { value: 'N', default: '500', text: 'Operations of each kind.' },
    pause: { value: 'MS', default: '4', text: 'Time between two of them.' },
    stores: { value: 'NAME,...', text: `Some of ${storeNames.join(', ')}.` },
    'no-pin': { text: 'Leave placement to the scheduler.' },
    json: { value: 'FILE', text: 'Write what was measured; - is stdout (the table goes to stderr).' },
    check: { text: 'Exit with 1 when a mark is not met.' },
  },
  details: [
    'Each figure is the time from asking to having, of one operation after the other. Those of the control plane are over',
    'its gRPC and HTTP ports, as a sidecar sees them: the control plane has a CPU of its own, everything else another.',
    '',
    'durable: until the answer, which says that it is stored for good. A store that keeps its word waits for the disk, so the',
    'line "fsync" is measured in the same folder: no durable write is quicker. visible: until a sidecar has it. A claim that',
    'this machine does not keep for a message and its echo, or for an fsync, is not judged.',
    'Decisions and local discovery are the medians of the benches of the stages cluster-pick and route-match.',
  ].join('\n'),
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const times = numberFlag(invocation, 'times', { min: 1, max: 100_000 });
  const pauseMs = numberFlag(invocation, 'pause', { min: 0, max: 1000 });
  const stores = listFlag(invocation, 'stores', storeNames);
  const jsonFile = invocation.flag('json');
  const print = (text: string) => (jsonFile === '-' ? process.stderr : process.stdout).write(`${text}\n`);
  const progress = showProgress(process.stderr);
  return withRig({ isPinned: !invocation.isSet('no-pin'), status: progress.note }, async (rig) => {
    const cells: Cell[] = [];
    progress.status('the disk');
    const disk = { what: 'fsync of 4 kB', times: timesOf(await timeFsync(rig.folder, times, pauseMs)) };
    const message = { what: 'message and echo', times: timesOf(await timeRoundTrips(rig, times, pauseMs)) };
    cells.push(disk, message);
    for (const store of stores) {
      progress.status(`a control plane over ${store}`);
      cells.push(...(await cellsOfStore(rig, store, times, pauseMs, { disk, message })));
    }
    progress.status('a proxy');
    cells.push(...(await cellsOfProxy(rig, times, pauseMs, message)));
    progress.clear();
    const marks = cells.flatMap(judge);
    print(
      [
        `Operations of the registry, ${times} of each, one after the other; ${rig.place.note}; milliseconds`,
        '',
        formatTable(['', 'p50', 'p99', 'claimed'], cells.map(rowOf)),
        '',
        formatMarks(marks),
      ].join('\n'),
    );
    if (jsonFile !== undefined)
      writeJson(jsonFile, { bench: 'registry', ...(await describeRun()), times, pauseMs, cells, marks });
    return invocation.isSet('check') && marks.some(({ isMet }) => isMet !== true) ? 1 : 0;
  });
}

async function cellsOfStore(
  rig: Rig,
  store: StoreName,
  times: number,
  pauseMs: number,
  { disk, message }: Floors,
): Promise<Cell[]> {
  const slower = disk.times.p99 > message.times.p99 ? disk : message;
  const mesh = await startMesh(rig, store);
  await timeRegistrations(mesh, times, pauseMs, 0); // until its code is compiled
  const { durable, visible } = await timeRegistrations(mesh, times, pauseMs, 1);
  return [
    { what: `registration durable, ${store}`, times: timesOf(durable), claim: claimed.registration, floor: slower },
    { what: `registration visible, ${store}`, times: timesOf(visible), claim: claimed.registration, floor: slower },
    { what: `lease renewed, ${store}`, times: timesOf(await timeHeartbeats(mesh, times, pauseMs)) },
    {
      what: `discovery remote, ${store}`,
      times: timesOf(await timeReads(mesh, times, pauseMs)),
      claim: claimed.discovery,
      floor: message,
    },
  ];
}

async function cellsOfProxy(rig: Rig, times: number, pauseMs: number, floor: Cell): Promise<Cell[]> {
  const ends = await startHttp1Ends(rig, { sizeBytes: 1024 });
  const discovery = await stageTimes(rig, 'route-match');
  const decision = await stageTimes(rig, 'cluster-pick');
  return [
    { what: 'discovery local', times: discovery, claim: claimed.discovery },
    { what: 'health check', times: timesOf(await timeChecks(ends, times, pauseMs)), claim: claimed.health, floor },
    { what: 'balancing decision, 1,000 endpoints', times: decision, claim: claimed.decision },
    { what: 'local call', times: await timeCalls(rig, ends), claim: claimed.call, floor },
  ];
}

/** Of a step that takes less than a clock can tell: the median and the slowest of the rounds of many. */
async function stageTimes(rig: Rig, stage: string): Promise<Times> {
  const { fast } = await runStage(rig, stage, 21, 20);
  return { count: fast.rounds.length, p50: fast.nanoseconds / 1e6, p99: Math.max(...fast.rounds) / 1e6 };
}

/** What a sidecar's health check of type http takes, on the connection that it keeps. */
async function timeChecks({ origin }: Ends, times: number, pauseMs: number): Promise<number[]> {
  const probes = new Probes();
  const at = { address: '127.0.0.1', port: origin.port, protocol: 'http1' } as const;
  const check = probes.of(at, {
    type: 'http',
    path: benchRequest.path,
    grpcService: '',
    interval: '1s',
    timeout: '1s',
    healthyThreshold: 1,
    unhealthyThreshold: 1,
  });
  const ask = async () => {
    if (!(await check(1000))) throw new Error('the origin did not pass its health check');
  };
  try {
    await timeEach(times, 0, ask);
    return await timeEach(times, pauseMs, ask);
  } finally {
    probes.close();
  }
}

/** A request through a sidecar to the instance behind it and back, one at a time on one connection. */
async function timeCalls(rig: Rig, ends: Ends): Promise<Times> {
  const sink = await startSpanSink(rig);
  const options = { hops: [http1Hop], spansPort: sink.port, sampleRatio: 0.01, tls: null };
  const { subject } = await startMeshlaneAlone(rig, ends, options);
  await measureBlock(subject, ends, { connections: 64, seconds: 2 }, rig.place);
  const { report } = await measureBlock(subject, ends, { connections: 1, seconds: 3 }, rig.place);
  return { count: report.requests, p50: report.p50Us! / 1000, p99: report.p99Us! / 1000 };
}

function rowOf({ what, times, claim }: Cell): string[] {
  return [what, formatMs(times.p50), formatMs(times.p99), claim === undefined ? '' : formatMs(claim)];
}

function judge({ what, times, claim, floor }: Cell): Mark[] {
  if (claim === undefined) return [];
  const promise = `${what}: p99 below the claimed ${formatMs(claim)} ms`;
  const said = `${formatMs(times.p99)} ms (p50 ${formatMs(times.p50)})`;
  if (times.p99 < claim) return [{ promise, isMet: true, said }];
  if (floor === undefined || floor.times.p99 < claim) return [{ promise, isMet: false, said }];
  return [{ promise, isMet: null, said: `${said}; ${floor.what} alone took ${formatMs(floor.times.p99)} ms here` }];
}

function formatMs(ms: number): string {
  return ms >= 0.01 ? ms.toFixed(2) : ms.toFixed(5);
}
