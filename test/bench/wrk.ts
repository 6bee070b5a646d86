import { join } from 'node:path';

/** How one block of load looks. */
export type Load = {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  readonly scheme: 'http' | 'https';
  /** Each connection pauses before a request, for a time around this one; left out, none does. */
  readonly pauseMs?: number;
};

/** What wrk saw. Latencies are corrected for coordinated omission as wrk does it. */
export type LoadReport = {
  readonly requests: number;
  readonly bytes: number;
  readonly durationUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly errors: Readonly<Record<'connect' | 'read' | 'write' | 'status' | 'timeout', number>>;
};

const numbers = ['requests', 'bytes', 'durationUs', 'p50Us', 'p90Us', 'p99Us', 'p999Us', 'maxUs'] as const;
const errorKinds = ['connect', 'read', 'write', 'status', 'timeout'] as const;

export function wrkArguments(load: Load): string[] {
  return [
    '--threads=1',
    `--connections=${load.connections}`,
    `--duration=${load.seconds}s`,
    '--timeout=5s',
    `--script=${join(import.meta.dirname, 'wrk-report.lua')}`,
    `--header=Host: ${load.host}`,
    `${load.scheme}://127.0.0.1:${load.port}${load.path}`,
    ...(load.pauseMs === undefined
      ? []
      : ['--', `${Math.floor(load.pauseMs / 2)}`, `${Math.ceil(load.pauseMs * 1.5)}`]),
  ];
}

/** Reads the line of `wrk-report.lua`; throws unless every figure is there and the load did something. */
export function parseWrk(output: string): LoadReport {
  const line = /^report (\{.*\})$/m.exec(output)?.[1];
  if (!line) throw new Error(`wrk printed no report: ${output.slice(0, 200)}`);
  const report = JSON.parse(line) as LoadReport;
  const missing = [
    ...numbers.filter((name) => !isCount(report[name])),
    ...errorKinds.filter((name) => !isCount(report.errors?.[name])),
  ];
  if (missing.length > 0) throw new Error(`wrk’s report lacks ${missing.join(', ')}: ${line}`);
  if (report.durationUs === 0) throw new Error(`wrk ran for no time at all: ${line}`);
  return report;
}

/** Everything that was not a reply with a status below 400. */
export function errorCount(report: LoadReport): number {
  return errorKinds.reduce((sum, kind) => sum + report.errors[kind], 0);
}

export function requestsPerSecond(report: LoadReport): number {
  return report.requests / (report.durationUs / 1e6);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
