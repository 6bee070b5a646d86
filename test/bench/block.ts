import type { Subject } from './contenders.ts';
import { type CpuUse, watchCpu } from './cpu-watch.ts';
import type { Ends } from './ends.ts';
import { errorCount, type Load, type LoadReport, requestsPerSecond } from './load.ts';
import type { Placement } from './placement.ts';

/** One block of load on one proxy. */
export type Block = CpuUse & {
  /** How much of the time the origin was on a CPU, from 0 to 1. */
  readonly originBusyShare: number;
  readonly requestsPerSecond: number;
  readonly requestsPerCpuSecond: number | null;
  /** Bytes that reached the client, heads included. */
  readonly bytesPerCpuSecond: number | null;
  readonly errors: number;
  readonly report: LoadReport;
};

/** Loads a proxy and measures it meanwhile. Throws when it ends, or when nothing at all was answered. */
export async function measureBlock(
  { name, port, processes }: Subject,
  ends: Ends,
  load: Load,
  place: Placement,
): Promise<Block> {
  const stop = watchCpu(processes, place);
  const stopOrigin = watchCpu([ends.origin], place);
  const report = await ends.run(port, load);
  const use = stop();
  const originBusyShare = stopOrigin().busyShare!;
  const answered = report.requests - report.errors.status;
  if (answered <= 0) throw new Error(`${name} answered nothing in ${load.seconds} s: ${JSON.stringify(report.errors)}`);
  const { cpuSeconds } = use;
  return {
    ...use,
    originBusyShare,
    requestsPerSecond: requestsPerSecond(report),
    requestsPerCpuSecond: cpuSeconds === null ? null : answered / cpuSeconds,
    bytesPerCpuSecond: cpuSeconds === null ? null : report.bytes / cpuSeconds,
    errors: errorCount(report),
    report,
  };
}
