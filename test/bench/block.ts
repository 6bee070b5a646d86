import { findPeer } from '../harness/peers.ts';
import { runCommand } from '../harness/run-command.ts';
import type { Subject } from './contenders.ts';
import { type CpuUse, watchCpu } from './cpu-watch.ts';
import { benchRequest } from './mesh-config.ts';
import type { Placement } from './placement.ts';
import type { TlsFiles } from './tls-files.ts';
import { errorCount, type LoadReport, parseWrk, requestsPerSecond, wrkArguments } from './wrk.ts';

/** One block of load on one proxy. */
export type Block = CpuUse & {
  readonly requestsPerSecond: number;
  readonly requestsPerCpuSecond: number | null;
  /** Bytes that reached the client, heads included. */
  readonly bytesPerCpuSecond: number | null;
  readonly errors: number;
  readonly report: LoadReport;
};

/** Loads a proxy for `seconds` and measures it meanwhile. Throws when it ends, or when nothing at all was answered. */
export async function measureBlock(
  { pid, port, name, tls }: Subject,
  { connections, seconds, pauseMs }: { connections: number; seconds: number; pauseMs?: number },
  place: Placement,
): Promise<Block> {
  const stop = watchCpu(pid, place);
  const report = await runWrk({ port, connections, seconds, tls, pauseMs });
  const use = stop();
  const answered = report.requests - report.errors.status;
  if (answered <= 0) throw new Error(`${name} answered nothing in ${seconds} s: ${JSON.stringify(report.errors)}`);
  const { cpuSeconds } = use;
  return {
    ...use,
    requestsPerSecond: requestsPerSecond(report),
    requestsPerCpuSecond: cpuSeconds === null ? null : answered / cpuSeconds,
    bytesPerCpuSecond: cpuSeconds === null ? null : report.bytes / cpuSeconds,
    errors: errorCount(report),
    report,
  };
}

async function runWrk({
  port,
  connections,
  seconds,
  tls,
  pauseMs,
}: {
  port: number;
  connections: number;
  seconds: number;
  tls: TlsFiles | null;
  pauseMs: number | undefined;
}): Promise<LoadReport> {
  const wrk = await findPeer('wrk');
  if (wrk.path === null) throw new Error(`the load generator is wrk, which is missing: ${wrk.reason}`);
  const load = { ...benchRequest, port, connections, seconds, scheme: tls ? 'https' : 'http' } as const;
  const args = wrkArguments(pauseMs === undefined ? load : { ...load, pauseMs });
  const { code, stdout, stderr } = await runCommand(wrk.path, args, {
    timeoutMs: (seconds + 30) * 1000,
    ...(tls ? { env: { OPENSSL_CONF: tls.clientConfig } } : {}),
  });
  if (code !== 0) throw new Error(`wrk failed: ${stderr || stdout}`);
  return parseWrk(stdout);
}
