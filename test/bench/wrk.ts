import { join } from 'node:path';
import { findPeer } from '../harness/peers.ts';
import { runCommand } from '../harness/run-command.ts';
import type { Load, LoadReport } from './load.ts';
import { benchRequest } from './mesh-config.ts';
import type { TlsFiles } from './tls-files.ts';

/** Latencies are corrected for coordinated omission as wrk does it. */
type WrkReport = LoadReport &
  Readonly<Record<(typeof numbers)[number], number>> & {
    readonly errors: Readonly<Record<(typeof errorKinds)[number], number>>;
  };

const numbers = ['requests', 'bytes', 'durationUs', 'meanUs', 'p50Us', 'p90Us', 'p99Us', 'p999Us', 'maxUs'] as const;
const errorKinds = ['connect', 'read', 'write', 'status', 'timeout'] as const;

/** Loads a port over HTTP/1.1; throws when wrk is missing or fails. */
export async function runWrk(port: number, load: Load, tls: TlsFiles | null): Promise<WrkReport> {
  const wrk = await findPeer('wrk');
  if (wrk.path === null) throw new Error(`the load generator is wrk, which is missing: ${wrk.reason}`);
  const { code, stdout, stderr } = await runCommand(wrk.path, wrkArguments(port, load, tls ? 'https' : 'http'), {
    timeoutMs: (load.seconds + 30) * 1000,
    ...(tls ? { env: { OPENSSL_CONF: tls.clientConfig } } : {}),
  });
  if (code !== 0) throw new Error(`wrk failed: ${stderr || stdout}`);
  return parseWrk(stdout);
}

function wrkArguments(port: number, { connections, seconds, pauseMs }: Load, scheme: 'http' | 'https'): string[] {
  const { host, path } = benchRequest;
  return [
    '--threads=1',
    `--connections=${connections}`,
    `--duration=${seconds}s`,
    '--timeout=5s',
    `--script=${join(import.meta.dirname, 'wrk-report.lua')}`,
    `--header=Host: ${host}`,
    `${scheme}://127.0.0.1:${port}${path}`,
    ...(pauseMs === undefined ? [] : ['--', `${Math.floor(pauseMs / 2)}`, `${Math.ceil(pauseMs * 1.5)}`]),
  ];
}

/** Reads the line of `wrk-report.lua`; throws unless every figure is there and the load did something. */
export function parseWrk(output: string): WrkReport {
  const line = /^report (\{.*\})$/m.exec(output)?.[1];
  if (!line) throw new Error(`wrk printed no report: ${output.slice(0, 200)}`);
  const report = JSON.parse(line) as WrkReport;
  const missing = [
    ...numbers.filter((name) => !isCount(report[name])),
    ...errorKinds.filter((name) => !isCount(report.errors?.[name])),
  ];
  if (missing.length > 0) throw new Error(`wrk’s report lacks ${missing.join(', ')}: ${line}`);
  if (report.durationUs === 0) throw new Error(`wrk ran for no time at all: ${line}`);
  return report;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
