import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { parseStatusBytes } from '../bench/proc.ts';
import { sumOf } from '../harness/metrics-page.ts';
import type { Owner } from '../harness/owner.ts';
import { findPeer } from '../harness/peers.ts';
import { startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { type ProbeReport, startProbe } from './probe.ts';
import { openWitnesses, witnesses } from './witness.ts';

export const modeNames = ['headers', 'body', 'range', 'read'] as const;
export type ModeName = (typeof modeNames)[number];

/** Flags of slowhttptest for each mode, and the page it asks for. */
const modes: Readonly<Record<ModeName, { readonly path: string; readonly flags: readonly string[] }>> = {
  headers: { path: '/small', flags: ['-H', '-i', '1', '-x', '24'] },
  body: { path: '/upload', flags: ['-B', '-i', '1', '-x', '10', '-s', '65536'] },
  range: { path: '/large', flags: ['-R', '-a', '5', '-b', '2000'] },
  read: { path: '/large', flags: ['-X', '-n', '1', '-w', '10', '-y', '512', '-z', '32', '-k', '3'] },
};

export type AttackSettings = {
  readonly connections: number;
  readonly seconds: number;
  /** Connections it opens a second. */
  readonly rate: number;
  /** Limits of the Proxy document; without them the defaults hold. */
  readonly limits?: object;
};

export type AttackReport = {
  readonly mode: ModeName;
  /**
   * The attack's connections that were there: most at one moment; in mode headers those closed for their heads, in mode
   * range, which does not wait, the requests that were carried.
   */
  readonly reached: number;
  /** How long the oldest slow head of our own was let be; mode headers only. */
  readonly longestHeadMs: number;
  readonly probe: ProbeReport;
  readonly idleBytes: number;
  readonly peakBytes: number;
  /** Connections and requests that the proxy still counted some seconds after the attack. */
  readonly left: number;
  /** What slowhttptest said in the end. */
  readonly verdict: string;
};

const main = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));
const memoryEveryMs = 100;
const countEveryMs = 250;

const residentBytesOf = (pid: number) => parseStatusBytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS');

/** A proxy of its own, one worker, before the origin; resolves when it serves. */
async function startProxy(t: Owner, originPort: number, limits?: object) {
  const file = join(tempFolder(t), 'edge.yaml');
  const documents = [
    {
      kind: 'Proxy',
      name: 'edge',
      spec: {
        admin: { port: 0 },
        listeners: [{ name: 'web', port: 0 }],
        drainTimeout: '1s',
        ...(limits === undefined ? {} : { limits }),
      },
    },
    { kind: 'Service', name: '127.0.0.1' },
    { kind: 'Instance', name: 'app-1', spec: { service: '127.0.0.1', address: '127.0.0.1', port: originPort } },
  ];
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const running = await startProcess({
    command: process.execPath,
    args: [main, 'proxy', '--config', file],
    ready: /^ready: /,
    t,
  });
  const portOf = (place: string) => Number(new RegExp(` ${place} \\S+?:(\\d+)`).exec(running.output())![1]);
  const admin = portOf('admin');
  return {
    pid: running.pid,
    port: portOf('web'),
    metric: async (name: string, labels = {}) =>
      sumOf(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text(), name, labels),
  };
}

const requestsBefore = 2000;
const callersBefore = 50;

/** Ordinary traffic, so that the memory of a proxy that is in use is what the attack is compared with. */
async function serveBefore(port: number): Promise<void> {
  let left = requestsBefore;
  const call = async () => {
    while (left-- > 0) {
      const page = await fetch(`http://127.0.0.1:${port}/small`);
      if (page.status !== 200) throw new Error(`the proxy answers ${page.status} before the attack`);
      await page.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: callersBefore }, call));
}

/** Runs one mode of slowhttptest against a fresh proxy and watches what it does to the service. */
export async function attack(
  t: Owner,
  mode: ModeName,
  originPort: number,
  { connections, seconds, rate, limits }: AttackSettings,
): Promise<AttackReport> {
  const tool = await findPeer('slowhttptest');
  if (tool.path === null) throw new Error(`slowhttptest is missing: ${tool.reason}`);
  const proxy = await startProxy(t, originPort, limits);
  await serveBefore(proxy.port);
  const idleBytes = residentBytesOf(proxy.pid);
  let peakBytes = idleBytes;
  const memory = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentBytesOf(proxy.pid));
  }, memoryEveryMs);
  let most = 0;
  const count = setInterval(async () => {
    most = Math.max(most, await proxy.metric('meshlane_connections').catch(() => 0)); // asked again soon
  }, countEveryMs);
  const probe = startProbe(proxy.port);
  const heads = mode === 'headers' ? openWitnesses(proxy.port) : null;
  t.teardown(() => {
    clearInterval(memory);
    clearInterval(count);
    heads?.stop();
    return probe.stop();
  });
  const { path, flags } = modes[mode];
  const url = `http://127.0.0.1:${proxy.port}${path}`;
  const numbers = ['-c', connections, '-r', rate, '-l', seconds, '-p', '5', '-v', '1', '-u', url].map(String);
  // It holds as many files as connections, and the usual soft limit is 1024.
  const { stdout, stderr } = await runCommand(
    '/bin/sh',
    ['-c', 'ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"', tool.path, ...flags, ...numbers],
    { timeoutMs: (seconds + 60) * 1000 },
  );
  const verdict = /Exit status: (.*)/.exec(stripVTControlCharacters(stdout))?.[1]?.trim();
  if (verdict === undefined) throw new Error(`slowhttptest failed: ${stderr || stdout.slice(-500)}`);
  const probed = await probe.stop();
  const left = async () =>
    (await proxy.metric('meshlane_connections')) + (await proxy.metric('meshlane_requests_in_flight'));
  await until(async () => (await left()) === 0, { timeoutMs: 15_000 }).catch(() => undefined); // said in the report
  clearInterval(memory);
  clearInterval(count);
  const reached = {
    headers: async () =>
      (await proxy.metric('meshlane_local_replies_total', { reason: 'request_head_timeout' })) - witnesses,
    body: async () => most,
    range: async () => (await proxy.metric('meshlane_requests_total')) - probed.sent - 1,
    read: async () => most,
  };
  return {
    mode,
    reached: Math.min(await reached[mode](), connections),
    longestHeadMs: heads?.longestMs() ?? 0,
    probe: probed,
    idleBytes,
    peakBytes,
    left: await left(),
    verdict,
  };
}
