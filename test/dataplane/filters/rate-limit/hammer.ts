import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Buckets, newBucketMemory } from '../../../../dataplane/filters/rate-limit/buckets.ts';
import { Gcra } from '../../../../dataplane/filters/rate-limit/gcra.ts';
import { threadClockOffsetMs } from '../../../../shared/time/thread-clock.ts';
import type { Rate } from './one-bucket.ts';

export type HammerOrder = {
  readonly memory: SharedArrayBuffer;
  readonly rate: Rate;
  /** Each thread asks for these in turn. */
  readonly places: readonly number[];
  readonly forMs: number;
};

/** What one thread saw, by a clock that is the same for all. */
export type HammerReport = {
  /** For each place. */
  readonly passed: readonly number[];
  readonly lastMs: number;
};

/** Clocks of threads are the same but for this; see the last test of those who hammer. */
export const clockErrorMs = 0.1;

/** Passed and allowed for each place, from when its bucket was empty until it was so again, by clocks as good as they are. */
export type Hammered = { readonly passed: number; readonly allowed: number }[];

/**
 * Has threads ask the same buckets as quickly as they can. The buckets are empty when it begins: a full one would lose what
 * comes in while the machine has no time for the threads. So the bursts have to be longer than that.
 */
export async function hammer(threads: number, order: Omit<HammerOrder, 'memory'>): Promise<Hammered> {
  const memory = newBucketMemory();
  const emptyMs = order.places.map((place) => drain(memory, order.rate, place));
  const workers = Array.from({ length: threads }, () => {
    return new Worker(new URL('./hammer-thread.ts', import.meta.url), { workerData: { ...order, memory } });
  });
  const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message')) as [HammerReport]));
  await Promise.all(workers.map((worker) => worker.terminate()));
  const reports = answers.map(([report]) => report);
  const lastMs = Math.max(...reports.map((report) => report.lastMs));
  return order.places.map((_, i) => ({
    passed: reports.reduce((sum, { passed }) => sum + passed[i]!, 0),
    allowed: ((lastMs - emptyMs[i]! + clockErrorMs) * order.rate.requests) / order.rate.perMs,
  }));
}

/** Asks until a bucket is empty; returns when that was. */
function drain(memory: SharedArrayBuffer, { requests, perMs, burst }: Rate, place: number): number {
  const offsetMs = threadClockOffsetMs();
  const buckets = new Buckets(memory, offsetMs);
  const gcra = new Gcra(requests, perMs, burst);
  for (;;) {
    const nowMs = performance.now();
    if (buckets.keys.take(place, place + 1, gcra, buckets.timeUs(nowMs)) > 0) return nowMs + offsetMs;
  }
}
