import { readFileSync } from 'node:fs';
import type { Placement } from './placement.ts';
import { type CpuTimes, cpuSecondsOf, parseCpuTimes } from './proc.ts';

/** What a proxy used while it was watched. Shares are of one CPU, from 0 to 1; null where it was not measured. */
export type CpuUse = {
  readonly cpuSeconds: number | null;
  /** How much of the time the proxy was on a CPU: near 1 it was the limit, far below it the load or the origin was. */
  readonly busyShare: number | null;
  /** What others than the proxy took of its CPU, the kernel’s interrupts and the hypervisor included. */
  readonly foreignShare: number | null;
  /** How busy the CPU of the load was. */
  readonly loadCpuShare: number | null;
};

/** Begins to watch processes and their descendants as one; the function returned ends it. None at all have no CPU time. */
export function watchCpu(watched: Watched, place: Placement): () => CpuUse {
  const before = look(watched, place);
  return () => {
    const after = look(watched, place);
    const elapsed = after.atSeconds - before.atSeconds;
    const cpuSeconds = watched.length === 0 ? null : after.cpuSeconds - before.cpuSeconds;
    const proxyCpu = shareOf(before.proxyCpu, after.proxyCpu);
    return {
      cpuSeconds,
      busyShare: cpuSeconds === null ? null : cpuSeconds / elapsed,
      foreignShare: cpuSeconds === null || proxyCpu === null ? null : Math.max(0, proxyCpu - cpuSeconds / elapsed),
      loadCpuShare: shareOf(before.loadCpu, after.loadCpu),
    };
  };
}

type Look = { atSeconds: number; cpuSeconds: number; proxyCpu: CpuTimes | null; loadCpu: CpuTimes | null };

type Watched = readonly { readonly pid: number }[];

function look(watched: Watched, { proxyCpu, loadCpu }: Placement): Look {
  const stat = readFileSync('/proc/stat', 'utf8');
  return {
    atSeconds: performance.now() / 1000,
    cpuSeconds: watched.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0),
    proxyCpu: proxyCpu === null ? null : parseCpuTimes(stat, proxyCpu),
    loadCpu: loadCpu === null ? null : parseCpuTimes(stat, loadCpu),
  };
}

function shareOf(before: CpuTimes | null, after: CpuTimes | null): number | null {
  if (before === null || after === null) return null;
  const total = after.total - before.total;
  return total <= 0 ? null : (after.busy - before.busy) / total;
}
