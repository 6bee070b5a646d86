import { readdirSync, readFileSync } from 'node:fs';

/**
 * How long threads of a process were ready to run and had to wait for a CPU (the kernel's run queues), by thread: what
 * other processes of the machine took from them, a flood's own work included. Milliseconds since each thread began.
 */
export type SchedulerWaits = ReadonlyMap<string, number>;

/** Those of the threads whose names match. */
export function schedulerWaits(pid: number, threads: RegExp): SchedulerWaits {
  const waits = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const place = `/proc/${pid}/task/${thread}`;
    if (!threads.test(readFileSync(`${place}/comm`, 'utf8'))) continue;
    const [, waitedNs] = readFileSync(`${place}/schedstat`, 'utf8').split(' ');
    waits.set(thread, Number(waitedNs) / 1e6);
  }
  return waits;
}

/** What the one that waited longest has waited between two moments. */
export function waitedBetween(before: SchedulerWaits, after: SchedulerWaits): number {
  return Math.max(0, ...[...after].map(([thread, waitedMs]) => waitedMs - (before.get(thread) ?? waitedMs)));
}
