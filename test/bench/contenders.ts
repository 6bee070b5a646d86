import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { type FoundPeer, findPeer } from '../harness/peers.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import { until } from '../harness/until.ts';
import { benchDocuments, writeDocuments } from './mesh-config.ts';
import { checkReply, type Origin } from './origin.ts';
import { onProxyCpu } from './placement.ts';
import type { Rig } from './rig.ts';
import { writeTemplate } from './template.ts';

/** A proxy that runs and has answered; `pid` is null for the origin itself, whose CPU is not that of a proxy. */
export type Subject = {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly pid: number | null;
};

export const contenderNames = ['meshlane', 'haproxy', 'nginx', 'envoy'] as const;
export type ContenderName = (typeof contenderNames)[number];

export const root = join(import.meta.dirname, '..', '..');
/** What the `meshlane` command runs under the pinned runtime. */
export const mainFile = join(root, 'cli', 'main.mjs');

/** Starts one proxy in front of the origin. Returns why, in one line, when its program cannot be had. */
export async function startContender(
  name: ContenderName,
  rig: Rig,
  origin: Origin,
  spansPort: number,
): Promise<Subject | { missing: string }> {
  if (name === 'meshlane') return (await startMeshlane(rig, origin, spansPort)).subject;
  const found = await findPeer(name);
  return found.path === null ? { missing: found.reason } : startPeer(name, found, rig, origin);
}

type Located = Extract<FoundPeer, { path: string }>;

async function startPeer(
  name: Exclude<ContenderName, 'meshlane'>,
  peer: Located,
  rig: Rig,
  origin: Origin,
): Promise<Subject> {
  const port = await freePort();
  const start = (...args: string[]) => startProcess({ ...onProxyCpu(rig.place, peer.path, args), t: rig.owner });
  const values = { port, origin: origin.port };
  let running: RunningProcess;
  switch (name) {
    case 'haproxy':
      running = await start('-db', '-f', writeTemplate('haproxy.cfg', rig.folder, values));
      break;
    case 'nginx':
      running = await start('-c', writeTemplate('nginx.conf', rig.folder, { ...values, folder: rig.folder }));
      break;
    case 'envoy': {
      const config = writeTemplate('envoy.yaml', rig.folder, { ...values, admin: await freePort() });
      running = await start('--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning', '-c', config);
    }
  }
  await becomesReady(name, running, port, origin);
  return { name, version: peer.version, port, pid: running.pid };
}

/** Starts `meshlane proxy` from this checkout on the runtime that runs the bench. */
export async function startMeshlane(
  rig: Rig,
  origin: Origin,
  spansPort: number,
  nodeFlags: readonly string[] = [],
): Promise<{ subject: Subject & { pid: number }; running: RunningProcess }> {
  const port = await freePort();
  const documents = benchDocuments({ outbound: port, admin: await freePort(), origin: origin.port, spans: spansPort });
  const config = writeDocuments(documents, rig.folder, 'meshlane.yaml');
  const args = [...nodeFlags, join(root, 'cli', 'main.mjs'), 'proxy', '--config', config];
  const running = await startProcess({
    ...onProxyCpu(rig.place, process.execPath, args),
    cwd: root,
    t: rig.owner,
    ready: /^ready: /,
  });
  await becomesReady('meshlane', running, port, origin);
  return { subject: { name: 'meshlane', version: await meshlaneVersion(), port, pid: running.pid }, running };
}

async function becomesReady(name: string, running: RunningProcess, port: number, origin: Origin): Promise<void> {
  try {
    await until(() => checkReply(name, port, origin.body), { what: `a reply through ${name}` });
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${running.output().trimEnd()}`, { cause: error });
  }
}

/** The package's version and, in a checkout, its commit; `+` when files differ from it. */
export async function meshlaneVersion(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const commit = await runCommand('git', ['describe', '--always', '--dirty=+', '--exclude=*'], { cwd: root });
  return commit.code === 0 ? `${version} ${commit.stdout.trim()}` : version;
}
