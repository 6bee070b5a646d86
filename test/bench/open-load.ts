import { join } from 'node:path';
import { runCommand } from '../harness/run-command.ts';

/** A load whose requests are due at fixed times, whether or not earlier ones were answered. */
export type OpenLoad = {
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** Requests due in this time are sent, too, but their latencies are not taken. Part of `seconds`. */
  readonly warmupSeconds: number;
  readonly seed: number;
};

/**
 * Latencies from the moment a request was due, not from when it was sent, until its reply was whole; microseconds.
 * `late...` is what the generator itself was behind when it sent; `starved` requests had to wait for a connection.
 */
export type OpenReport = {
  /** Replies with status 200, those of the warm-up included. */
  readonly answered: number;
  readonly starved: number;
  readonly errors: number;
  /** Latencies that the quantiles are of. */
  readonly measured: number;
  readonly minUs: number;
  readonly p10Us: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly lateP50Us: number;
  readonly lateP99Us: number;
};

/**
 * Runs the generator as a process of its own, which keeps the CPU of this one busy all the time.
 *
 * Others were tried. h2load --rps sends a request on every connection at once (64 within 3 us, then nothing for 12 ms at
 * 5,000 a second) and counts from when it sent; wrk2 knows milliseconds only. Both hide what is looked for here.
 */
export async function loadOpenly(load: OpenLoad): Promise<OpenReport> {
  const main = join(import.meta.dirname, 'open-load-main.ts');
  // A young generation this large is collected every few seconds instead of several times a second.
  const args = ['--max-semi-space-size=64', main, JSON.stringify(load)];
  const { code, stdout, stderr } = await runCommand(process.execPath, args, { timeoutMs: (load.seconds + 30) * 1000 });
  if (code !== 0) throw new Error(`the open load failed: ${stderr || stdout}`);
  const report = JSON.parse(stdout) as OpenReport;
  if (report.measured === 0) throw new Error(`nothing was answered: ${stdout.trim()}`);
  return report;
}
