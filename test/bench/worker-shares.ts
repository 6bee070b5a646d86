import { join } from 'node:path';
import type { RunningProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';

/** What one worker has done since it started. */
export type WorkerCount = { readonly thread: number; readonly connections: number; readonly requests: number };

/** Flags of Node that put the probe into a proxy. */
export const probeFlags = ['--import', join(import.meta.dirname, 'worker-probe.mjs')];

/** Asks a proxy that carries the probe; throws when not every worker answers. */
export async function countWorkers(running: RunningProcess, workers: number): Promise<WorkerCount[]> {
  const told = () => [...running.output().matchAll(/^probe (\{.*\})$/gm)].map(([, json]) => json!);
  const before = told().length;
  process.kill(running.pid, 'SIGUSR2');
  await until(() => told().length >= before + workers, { what: `an answer of ${workers} workers to the probe` });
  return told()
    .slice(-workers)
    .map((json) => JSON.parse(json) as WorkerCount)
    .sort((a, b) => a.thread - b.thread);
}

/** What each worker did between two counts. */
export function difference(before: readonly WorkerCount[], after: readonly WorkerCount[]): WorkerCount[] {
  return after.map((now) => {
    const then = before.find(({ thread }) => thread === now.thread);
    if (!then) throw new Error(`worker thread ${now.thread} is another one than before`);
    return {
      thread: now.thread,
      connections: now.connections - then.connections,
      requests: now.requests - then.requests,
    };
  });
}

/** How far the busiest or the laziest worker is from an even share of the requests, as a part of that share. */
export function unevenness(counts: readonly WorkerCount[]): number {
  const even = counts.reduce((sum, { requests }) => sum + requests, 0) / counts.length;
  if (!(even > 0)) throw new RangeError('no worker answered anything');
  return Math.max(...counts.map(({ requests }) => Math.abs(requests - even) / even));
}
