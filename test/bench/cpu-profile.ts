/** The parts of a V8 `.cpuprofile` that self times need. Times in microseconds of the system’s monotonic clock. */
export type CpuProfile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

export type SelfTime = { readonly name: string; readonly place: string; readonly selfUs: number };

/** Time a thread spent in each function itself, most first, and in all of them but (idle). */
export type SelfTimes = { readonly busyUs: number; readonly idleUs: number; readonly functions: readonly SelfTime[] };

/**
 * Sums the time from each sample to the next one by function, for samples taken between two moments. `timeDeltas[i]` is
 * the time from sample i-1 (or the start) to sample i, so what follows the last sample is not known and left out.
 */
export function selfTimes(profile: CpuProfile, fromUs: number, untilUs: number): SelfTimes {
  const { nodes, samples, timeDeltas } = profile;
  if (samples.length !== timeDeltas.length)
    throw new Error('not a CPU profile: samples and timeDeltas differ in length');
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const byFunction = new Map<string, { name: string; place: string; selfUs: number }>();
  let idleUs = 0;
  let busyUs = 0;
  let atUs = profile.startTime;
  for (let i = 0; i < samples.length - 1; i++) {
    atUs += timeDeltas[i]!;
    if (atUs < fromUs || atUs >= untilUs) continue;
    // Deltas may be negative when samples were written out of order; such a pair says nothing.
    const spentUs = Math.max(0, timeDeltas[i + 1]!);
    const frame = frames.get(samples[i]!);
    if (!frame) throw new Error(`not a CPU profile: sample ${i} names node ${samples[i]}, which is not there`);
    if (frame.functionName === '(idle)') {
      idleUs += spentUs;
      continue;
    }
    busyUs += spentUs;
    const name = frame.functionName || '(anonymous)';
    const place = frame.url === '' ? '' : `${frame.url}:${frame.lineNumber + 1}`;
    const key = `${name} ${place}`;
    const entry = byFunction.get(key) ?? { name, place, selfUs: 0 };
    entry.selfUs += spentUs;
    byFunction.set(key, entry);
  }
  return { busyUs, idleUs, functions: [...byFunction.values()].sort((a, b) => b.selfUs - a.selfUs) };
}

/** The thread of a file that `--cpu-prof` named: `CPU.date.time.pid.thread.sequence.cpuprofile`; 0 is the main thread. */
export function threadOf(fileName: string): number | null {
  const match = /^CPU\.\d+\.\d+\.\d+\.(\d+)\.\d+\.cpuprofile$/.exec(fileName);
  return match ? Number(match[1]) : null;
}
