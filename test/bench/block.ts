import { readFileSync } from 'node:fs';
import { findPeer } from '../harness/peers.ts';
import { runCommand } from '../harness/run-command.ts';
import type { Subject } from './contenders.ts';
import { benchRequest } from './mesh-config.ts';
import type { Placement } from './placement.ts';
import { type CpuTimes, cpuSecondsOf, parseCpuTimes } from './proc.ts';
import type { TlsFiles } from './tls-files.ts';
import { errorCount, type LoadReport, parseWrk, requestsPerSecond, wrkArguments } from './wrk.ts';

/** One block of load on one proxy. Shares are of one CPU, from 0 to 1; null where it was not measured. */
export type Block = {
  readonly requestsPerSecond: number;
  readonly requestsPerCpuSecond: number | null;
  /** Bytes that reached the client, heads included. */
  readonly bytesPerCpuSecond: number | null;
  readonly cpuSeconds: number | null;
  /** How much of the block the proxy was on a CPU: near 1 it was the limit, far below it the load or the origin was. */
  readonly busyShare: number | null;
  /** What others than the proxy took of its CPU, the kernel’s interrupts and the hypervisor included. */
  readonly foreignShare: number | null;
  /** How busy the CPU of load and origin was. */
  readonly loadCpuShare: number | null;
  readonly errors: number;
  readonly report: LoadReport;
};

/** Loads a proxy for `seconds` and measures it meanwhile. Throws when it ends, or when nothing at all was answered. */
export async function measureBlock(
  { pid, port, name, tls }: Subject,
  { connections, seconds }: { connections: number; seconds: number },
  place: Placement,
): Promise<Block> {
  const before = look(pid, place);
  const report = await runWrk({ port, connections, seconds, tls });
  const after = look(pid, place);
  const answered = report.requests - report.errors.status;
  if (answered <= 0) throw new Error(`${name} answered nothing in ${seconds} s: ${JSON.stringify(report.errors)}`);
  const elapsed = after.atSeconds - before.atSeconds;
  const cpuSeconds = pid === null ? null : after.cpuSeconds - before.cpuSeconds;
  const proxyCpu = shareOf(before.proxyCpu, after.proxyCpu);
  return {
    requestsPerSecond: requestsPerSecond(report),
    requestsPerCpuSecond: cpuSeconds === null ? null : answered / cpuSeconds,
    bytesPerCpuSecond: cpuSeconds === null ? null : report.bytes / cpuSeconds,
    cpuSeconds,
    busyShare: cpuSeconds === null ? null : cpuSeconds / elapsed,
    foreignShare: cpuSeconds === null || proxyCpu === null ? null : Math.max(0, proxyCpu - cpuSeconds / elapsed),
    loadCpuShare: shareOf(before.loadCpu, after.loadCpu),
    errors: errorCount(report),
    report,
  };
}

async function runWrk({
  port,
  connections,
  seconds,
  tls,
}: {
  port: number;
  connections: number;
  seconds: number;
  tls: TlsFiles | null;
}): Promise<LoadReport> {
  const wrk = await findPeer('wrk');
  if (wrk.path === null) throw new Error(`the load generator is wrk, which is missing: ${wrk.reason}`);
  const args = wrkArguments({ ...benchRequest, port, connections, seconds, scheme: tls ? 'https' : 'http' });
  const { code, stdout, stderr } = await runCommand(wrk.path, args, {
    timeoutMs: (seconds + 30) * 1000,
    ...(tls ? { env: { OPENSSL_CONF: tls.clientConfig } } : {}),
  });
  if (code !== 0) throw new Error(`wrk failed: ${stderr || stdout}`);
  return parseWrk(stdout);
}

type Look = { atSeconds: number; cpuSeconds: number; proxyCpu: CpuTimes | null; loadCpu: CpuTimes | null };

function look(pid: number | null, { proxyCpu, loadCpu }: Placement): Look {
  const stat = readFileSync('/proc/stat', 'utf8');
  return {
    atSeconds: performance.now() / 1000,
    cpuSeconds: pid === null ? 0 : cpuSecondsOf(pid),
    proxyCpu: proxyCpu === null ? null : parseCpuTimes(stat, proxyCpu),
    loadCpu: loadCpu === null ? null : parseCpuTimes(stat, loadCpu),
  };
}

function shareOf(before: CpuTimes | null, after: CpuTimes | null): number | null {
  if (before === null || after === null) return null;
  const total = after.total - before.total;
  return total <= 0 ? null : (after.busy - before.busy) / total;
}
