import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { measureBlock } from './block.ts';
import type { ComparisonSettings } from './comparison.ts';
import { startMeshlaneAlone } from './contenders.ts';
import { type CpuProfile, selfTimes, threadOf } from './cpu-profile.ts';
import type { Ends } from './ends.ts';
import { formatPerf, recordPerf } from './perf-breakdown.ts';
import type { Progress } from './progress.ts';
import type { Rig } from './rig.ts';
import { startSpanSink } from './span-sink.ts';
import { root } from './start-meshlane.ts';
import { formatCount, formatTable } from './table.ts';
import type { TlsFiles } from './tls-files.ts';

const shownFunctions = 30;

/**
 * Runs Meshlane alone under `--cpu-prof` and prints, per thread, the functions that took most time themselves during the
 * measured block. The profiler slows it down: the rate shown is not the one to compare. Then, where perf is there, how
 * the time of a request divides into kernel, compiled JavaScript, V8 and C++.
 */
export async function profile(
  name: string,
  rig: Rig,
  ends: Ends,
  settings: ComparisonSettings,
  tls: TlsFiles | null,
  progress: Progress,
  print: (text: string) => void,
): Promise<number> {
  const sink = await startSpanSink(rig);
  const folder = join(root, '.cache', 'profiles', `${name}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  progress.status('starting meshlane under the profiler');
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder}`];
  const { hops, sampleRatio } = settings;
  const options = { hops, spansPort: sink.port, sampleRatio, tls, nodeFlags: flags };
  const { subject, running } = await startMeshlaneAlone(rig, ends, options);
  if (settings.warmupSeconds > 0) {
    progress.status('warming up');
    await measureBlock(subject, ends, { ...settings, seconds: settings.warmupSeconds }, rig.place);
  }
  progress.status('measuring');
  const fromUs = monotonicUs();
  const block = await measureBlock(subject, ends, settings, rig.place);
  const untilUs = monotonicUs();
  progress.status('waiting for the profiles');
  const exit = await running.stop();
  progress.clear();
  const files = readdirSync(folder).filter((name) => threadOf(name) !== null);
  if (files.length === 0)
    throw new Error(
      `meshlane left no profile in ${folder}: it must end by itself on SIGTERM (${JSON.stringify(exit)})`,
    );
  print(`${formatCount(block.requestsPerSecond)} req/s under the profiler; files for other tools are in ${folder}`);
  for (const name of files.sort((a, b) => threadOf(a)! - threadOf(b)!)) {
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as CpuProfile;
    print(`\n${formatThread(threadOf(name)!, profile, fromUs, untilUs)}`);
  }
  print(`\n${await formatKinds(rig, ends, settings, tls, sink.port, folder, progress)}`);
  return 0;
}

/** Runs Meshlane once more, without V8's profiler, whose view ends where the kernel and C++ begin. */
async function formatKinds(
  rig: Rig,
  ends: Ends,
  settings: ComparisonSettings,
  tls: TlsFiles | null,
  spansPort: number,
  folder: string,
  progress: Progress,
): Promise<string> {
  progress.status('starting meshlane for perf');
  const { hops, sampleRatio } = settings;
  const { subject, running } = await startMeshlaneAlone(rig, ends, { hops, spansPort, sampleRatio, tls });
  await measureBlock(subject, ends, { ...settings, seconds: Math.max(1, settings.warmupSeconds) }, rig.place);
  const [block, perf] = await Promise.all([
    measureBlock(subject, ends, settings, rig.place),
    recordPerf(running.pid, settings.seconds, folder),
  ]);
  progress.clear();
  if ('missing' in perf) return `perf shows nothing here: ${perf.missing}`;
  const cpuUs = 1e6 / block.requestsPerCpuSecond!;
  return `${formatCount(block.requestsPerSecond)} req/s under perf, ${cpuUs.toFixed(1)} us of CPU time a request\n${formatPerf(perf, cpuUs)}`;
}

function formatThread(thread: number, profile: CpuProfile, fromUs: number, untilUs: number): string {
  const { busyUs, idleUs, functions } = selfTimes(profile, fromUs, untilUs);
  const title = thread === 0 ? 'supervisor thread' : `worker thread ${thread}`;
  const rows = functions
    .slice(0, shownFunctions)
    .map(({ name, place, selfUs }) => [
      `${((selfUs / busyUs) * 100).toFixed(1).padStart(5)}%  ${(selfUs / 1000).toFixed(0).padStart(6)} ms  ${name}  ${shorten(place)}`,
    ]);
  const total = `${title}: busy ${(busyUs / 1e6).toFixed(2)} s, idle ${(idleUs / 1e6).toFixed(2)} s of the block`;
  return rows.length === 0 ? total : `${total}\n${formatTable(['self time'], rows)}`;
}

function shorten(place: string): string {
  const base = `${pathToFileURL(root).href}/`;
  return place.startsWith(base) ? place.slice(base.length) : place;
}

/** The clock of V8’s profiles: CLOCK_MONOTONIC, the same in every process. */
function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
