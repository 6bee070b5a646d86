import { findPeer } from '../harness/peers.ts';
import { runCommand } from '../harness/run-command.ts';
import type { Load, LoadReport } from './load.ts';

/** What is asked for over HTTP/2 without TLS, and what has to come back. */
export type Http2Request = {
  readonly host: string;
  readonly path: string;
  /** Fields of the head beside those of every request. */
  readonly fields: Readonly<Record<string, string>>;
  /** Makes it a POST of what this file holds; null for a GET. */
  readonly bodyFile: string | null;
  readonly reply: { readonly body: Buffer; readonly trailers: Readonly<Record<string, string>> };
};

/** Loads a port over HTTP/2 by prior knowledge; throws when h2load is missing or fails. */
export async function runH2load(port: number, load: Load, request: Http2Request): Promise<LoadReport> {
  const h2load = await findPeer('h2load');
  if (h2load.path === null) throw new Error(`the load generator is h2load, which is missing: ${h2load.reason}`);
  const { code, stdout, stderr } = await runCommand(h2load.path, h2loadArguments(port, load, request), {
    timeoutMs: (load.seconds + 30) * 1000,
  });
  if (code !== 0) throw new Error(`h2load failed: ${stderr || stdout}`);
  return parseH2load(stdout, request.reply.body.length);
}

/** Without a log of requests, and so without quantiles: writing it takes a third of what h2load spends on a request. */
function h2loadArguments(
  port: number,
  { connections, streams = 1, seconds }: Load,
  { host, path, fields, bodyFile }: Http2Request,
): string[] {
  return [
    '--threads=1',
    `--clients=${connections}`,
    `--max-concurrent-streams=${streams}`,
    `--duration=${seconds}`,
    `--connect-to=127.0.0.1:${port}`,
    ...Object.entries(fields).map(([name, value]) => `--header=${name}: ${value}`),
    ...(bodyFile === null ? [] : [`--data=${bodyFile}`]),
    `http://${host}${path}`,
  ];
}

const unitsUs = { us: 1, ms: 1e3, s: 1e6 } as const;
const duration = String.raw`(\d+(?:\.\d+)?)(us|ms|s)`;
const spanLine = new RegExp(`^finished in ${duration}, `, 'm');
const countLine = /^requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, /m;
const bytesLine = /^traffic: \S+ \((\d+)\) total, .* \((\d+)\) data$/m;
const meanLine = new RegExp(String.raw`^time for request: +\S+ +\S+ +${duration} `, 'm');

/**
 * Reads what h2load prints at its end; throws unless all of it is there. A reply that h2load takes for a success may lack
 * its body (a gRPC error has status 200): `body` counts how many bodies of `replyBytes` are missing.
 */
export function parseH2load(output: string, replyBytes: number): LoadReport {
  const line = (what: string, pattern: RegExp) => {
    const found = pattern.exec(output);
    if (!found) throw new Error(`h2load printed no ${what}: ${output.slice(-400)}`);
    return found.slice(1);
  };
  const us = ([value, unit]: string[]) => Number(value) * unitsUs[unit as keyof typeof unitsUs];
  // `errored` is the part of `failed` that was not answered at all.
  const [done, succeeded, failed, errored] = line('requests', countLine).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const [bytes, dataBytes] = line('traffic', bytesLine).map(Number) as [number, number];
  const bodies = replyBytes === 0 ? succeeded : Math.floor(dataBytes / replyBytes);
  return {
    requests: done - errored,
    bytes,
    durationUs: us(line('duration', spanLine)),
    meanUs: us(line('time for request', meanLine)),
    p50Us: null,
    p99Us: null,
    errors: { status: failed - errored, stream: errored, body: Math.max(0, succeeded - bodies) },
  };
}
