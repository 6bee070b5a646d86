import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Rate } from './one-bucket.ts';

export type HammerOrder = {
  readonly memory: SharedArrayBuffer;
  /** All threads wait at it for each other. */
  readonly gate: SharedArrayBuffer;
  readonly threads: number;
  readonly rate: Rate;
  /** Each thread asks for these in turn. */
  readonly places: readonly number[];
  readonly forMs: number;
};

/** What one thread saw, by a clock that is the same for all. */
export type HammerReport = {
  readonly asked: number;
  /** For each place. */
  readonly passed: readonly number[];
  readonly firstMs: number;
  readonly lastMs: number;
};

/** Has threads ask the same buckets as quickly as they can. */
export async function hammer(order: Omit<HammerOrder, 'gate'>): Promise<HammerReport[]> {
  const gate = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const workers = Array.from({ length: order.threads }, () => {
    return new Worker(new URL('./hammer-thread.ts', import.meta.url), { workerData: { ...order, gate } });
  });
  const reports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message')) as [HammerReport]));
  await Promise.all(workers.map((worker) => worker.terminate()));
  return reports.map(([report]) => report);
}
