import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exclusively } from './exclusive.ts';
import { cachedPath, findExecutables, install, isExecutable, peersFolder, status } from './peer-install.ts';
import { type Peer, type PeerName, peerTable } from './peer-table.ts';
import { runCommand } from './run-command.ts';

export type { PeerName } from './peer-table.ts';

/** A tool that is here, or why it is not. */
export type FoundPeer =
  | { readonly path: string; readonly version: string }
  | { readonly path: null; readonly reason: string };

const found = new Map<PeerName, Promise<FoundPeer>>();

/** The path of a real tool that tests run beside us, installed first when the machine lacks it; null when it cannot be had. */
export async function peer(name: PeerName): Promise<string | null> {
  return (await findPeer(name)).path;
}

/**
 * Options for a tap test that needs these tools: `t.test('...', await skipWithout('etcd'), async (t) => ...)`.
 * Skips the test, naming what is missing; where nothing may be missing (`CI=true`) it throws instead.
 */
export async function skipWithout(...names: readonly PeerName[]): Promise<{ skip?: string }> {
  const missing: string[] = [];
  for (const name of names) {
    const result = await findPeer(name);
    if (result.path === null) missing.push(`${name} is missing: ${result.reason}`);
  }
  if (missing.length === 0) return {};
  if (process.env['CI'] === 'true') throw new Error(`CI=true wants every tool. ${missing.join('; ')}`);
  return { skip: missing.join('; ') };
}

/**
 * Finds a tool, or installs it: one process at a time, and only once. That it could not be had is remembered for an hour,
 * so that not every test file waits for the same download to fail; `retry` forgets that.
 */
export function findPeer(name: PeerName, { retry = false }: { retry?: boolean } = {}): Promise<FoundPeer> {
  let result = found.get(name);
  if (!result || retry) {
    result = lookUp(name, peerTable[name], retry);
    found.set(name, result);
  }
  return result;
}

async function lookUp(name: PeerName, entry: Peer, retry: boolean): Promise<FoundPeer> {
  const here = await findHere(entry);
  if (here) return here;
  const remembered = retry ? null : recallFailure(name);
  if (remembered !== null) return { path: null, reason: remembered };
  const result = entry.source.from === 'jaeger-build' ? await buildJaeger() : await getOnce(name, entry);
  if (result.path === null) rememberFailure(name, result.reason);
  else rmSync(failureFile(name), { force: true });
  return result;
}

/** Installs while no other process installs anything; whoever waited may find it done. */
function getOnce(name: PeerName, entry: Peer): Promise<FoundPeer> {
  const onWait = (holder: string) => status(`${name}: waiting for ${holder}, which installs ...`);
  return exclusively(
    join(peersFolder, 'lock.db'),
    onWait,
    async () => (await findHere(entry)) ?? getFromSource(name, entry),
  );
}

async function getFromSource(name: PeerName, entry: Peer): Promise<FoundPeer> {
  const reason = await install(name, entry);
  if (reason !== null) return { path: null, reason };
  const result = await findHere(entry);
  if (result?.path) status(`${name}: ${result.version} is at ${result.path}`);
  return result ?? { path: null, reason: `it was installed, but does not answer with a version like ${entry.accepts}` };
}

/** The first one whose version fits: what we installed earlier, then what the machine has. */
async function findHere(entry: Peer): Promise<FoundPeer | null> {
  const cached = cachedPath(entry.source);
  const candidates = [
    ...(cached !== null && isExecutable(cached) ? [cached] : []),
    ...(entry.command === null ? [] : findExecutables(entry.command)),
  ];
  for (const path of candidates) {
    const { stdout, stderr } = await runCommand(path, entry.versionArgs, { timeoutMs: 20_000 });
    const version = entry.accepts.exec(`${stdout}\n${stderr}`.trimStart())?.[1];
    if (version !== undefined) return { path, version };
  }
  return null;
}

const rememberedForMs = 60 * 60 * 1000;
const failureFile = (name: PeerName) => join(peersFolder, `${name}.failed.json`);

function recallFailure(name: PeerName): string | null {
  try {
    const { reason, atMs } = JSON.parse(readFileSync(failureFile(name), 'utf8')) as { reason: string; atMs: number };
    return Date.now() - atMs < rememberedForMs ? `${reason} (npm run peers tries again)` : null;
  } catch {
    return null; // nothing remembered, or half a file: try
  }
}

function rememberFailure(name: PeerName, reason: string): void {
  mkdirSync(peersFolder, { recursive: true });
  writeFileSync(failureFile(name), JSON.stringify({ reason, atMs: Date.now() }));
}

/** Jaeger has no package to install: a module of its own builds it once, under a lock of its own. */
async function buildJaeger(): Promise<FoundPeer> {
  try {
    const { jaegerBinary } = await import('./jaeger/jaeger.ts');
    const path = await jaegerBinary();
    return path === null
      ? { path, reason: 'Go is needed to build it, and it is not here' }
      : { path, version: '1.62.0' };
  } catch (error) {
    return { path: null, reason: `its build failed: ${(error as Error).message.split('\n')[0]}` };
  }
}
