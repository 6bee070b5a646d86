import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PeerName, peerConfigs, peerNames } from '../../conformance/http2/peer-configs.ts';
import { freePort } from '../../harness/free-port.ts';
import { answers } from '../../harness/http2/answers.ts';
import { sumOf } from '../../harness/metrics-page.ts';
import type { Owner } from '../../harness/owner.ts';
import { findPeer } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';

/** A proxy under attack, in a process of its own. */
export type Target = {
  readonly port: number;
  readonly pid: number;
  /** Names of its threads that serve. */
  readonly threads: RegExp;
  /** A gauge of ours; null for others. */
  readonly gauge: ((name: string) => Promise<number>) | null;
  /** Whether it still runs. */
  isRunning(): boolean;
};

const main = new URL('../../../cli/main.mjs', import.meta.url).pathname;

/** Our own proxy as it is shipped, with one worker that all callers share; or one of its peers. */
export function startTarget(t: Owner, name: string, originPort: number): Promise<Target> {
  if (name === 'meshlane') return startOurs(t, originPort);
  const peer = peerNames.find((one) => one === name);
  if (peer === undefined) throw new Error(`--peer knows ${peerNames.join(', ')}; got "${name}"`);
  return startPeer(t, peer, originPort);
}

async function startOurs(t: Owner, originPort: number): Promise<Target> {
  const listeners = [{ name: 'web', port: 0, protocol: 'auto' }];
  const spec = { workers: 1, admin: { port: 0 }, drainTimeout: '1s', listeners };
  const documents = [
    { kind: 'Proxy', name: 'edge', spec },
    { kind: 'Service', name: 'app' },
    { kind: 'Instance', name: 'app-1', spec: { service: 'app', address: '127.0.0.1', port: originPort } },
  ];
  const file = join(tempFolder(t), 'edge.yaml');
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const args = [main, 'proxy', '--config', file];
  const running = await startProcess({ command: process.execPath, args, ready: /^ready: /, t });
  const portOf = (place: string) => Number(new RegExp(` ${place} \\S+?:(\\d+)`).exec(running.output())![1]);
  const admin = portOf('admin');
  const gauge = async (metric: string) =>
    sumOf(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text(), metric);
  return serving({ port: portOf('web'), threads: /^worker-/, gauge }, running);
}

async function startPeer(t: Owner, name: PeerName, originPort: number): Promise<Target> {
  const found = await findPeer(name);
  if (found.path === null) throw new Error(`${name} is missing: ${found.reason}`);
  const port = await freePort();
  const { file, text, args } = peerConfigs(name, tempFolder(t), [{ port, originPort }])[0]!;
  writeFileSync(file, text);
  const running = await startProcess({ command: found.path, args, t });
  return serving({ port, threads: /^(wrk:|haproxy|nghttpx)/, gauge: null }, running);
}

type Running = Awaited<ReturnType<typeof startProcess>>;

async function serving(target: Pick<Target, 'port' | 'threads' | 'gauge'>, running: Running): Promise<Target> {
  let hasEnded = false;
  void running.exited.then(() => {
    hasEnded = true;
  });
  await until(() => answers(target.port, { path: '/small' }), { what: 'a reply of HTTP/2' });
  return { ...target, pid: running.pid, isRunning: () => !hasEnded };
}
