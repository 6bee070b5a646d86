import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProxy } from '../../shared/resources/read.ts';
import { freePort } from '../harness/free-port.ts';
import { type FoundPeer, findPeer } from '../harness/peers.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import { until } from '../harness/until.ts';
import { benchDocuments, type Document, writeDocuments } from './mesh-config.ts';
import { checkReply, type Origin } from './origin.ts';
import { envoyTransportSocket, haproxyBindOptions, nginxListen } from './peer-tls.ts';
import { onProxyCpu } from './placement.ts';
import type { Rig } from './rig.ts';
import { writeTemplate } from './template.ts';
import type { TlsFiles } from './tls-files.ts';

/** A proxy that runs and has answered; `pid` is null for the origin itself, whose CPU is not that of a proxy. */
export type Subject = {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly pid: number | null;
  /** What its clients speak TLS with; null for plain HTTP. */
  readonly tls: TlsFiles | null;
};

export const contenderNames = ['meshlane', 'haproxy', 'nginx', 'envoy'] as const;
export type ContenderName = (typeof contenderNames)[number];

export const root = join(import.meta.dirname, '..', '..');
/** What the `meshlane` command runs under the pinned runtime. */
export const mainFile = join(root, 'cli', 'main.mjs');

/** How Meshlane is to run; what the peers share with it is `tls`. */
export type MeshlaneOptions = {
  readonly spansPort: number;
  /** Share of the requests that make a span. */
  readonly sampleRatio: number;
  readonly workers?: number;
  readonly tls?: TlsFiles | null;
  readonly nodeFlags?: readonly string[];
};

/** Starts one proxy in front of the origin. Returns why, in one line, when its program cannot be had. */
export async function startContender(
  name: ContenderName,
  rig: Rig,
  origin: Origin,
  options: MeshlaneOptions,
): Promise<Subject | { missing: string }> {
  if (name === 'meshlane') {
    const started = await startMeshlane(rig, origin, options);
    return 'missing' in started ? started : started.subject;
  }
  const found = await findPeer(name);
  return found.path === null ? { missing: found.reason } : startPeer(name, found, rig, origin, options.tls ?? null);
}

type Located = Extract<FoundPeer, { path: string }>;

async function startPeer(
  name: Exclude<ContenderName, 'meshlane'>,
  peer: Located,
  rig: Rig,
  origin: Origin,
  tls: TlsFiles | null,
): Promise<Subject> {
  const port = await freePort();
  const start = (...args: string[]) => startProcess({ ...onProxyCpu(rig.place, peer.path, args), t: rig.owner });
  const values = { port, origin: origin.port };
  let running: RunningProcess;
  switch (name) {
    case 'haproxy':
      running = await start(
        '-db',
        '-f',
        writeTemplate('haproxy.cfg', rig.folder, { ...values, bindOptions: haproxyBindOptions(tls) }),
      );
      break;
    case 'nginx':
      running = await start(
        '-c',
        writeTemplate('nginx.conf', rig.folder, { ...values, folder: rig.folder, ...nginxListen(tls) }),
      );
      break;
    case 'envoy': {
      const config = writeTemplate('envoy.yaml', rig.folder, {
        ...values,
        admin: await freePort(),
        transportSocket: envoyTransportSocket(tls),
      });
      running = await start('--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning', '-c', config);
    }
  }
  const subject = { name, version: peer.version, port, pid: running.pid, tls };
  await becomesReady(subject, running, origin);
  return subject;
}

/** Starts `meshlane proxy` from this checkout on the runtime that runs the bench; says so when it knows no TLS. */
export async function startMeshlane(
  rig: Rig,
  origin: Origin,
  { spansPort, sampleRatio, workers = 1, tls = null, nodeFlags = [] }: MeshlaneOptions,
): Promise<{ subject: Subject & { pid: number }; running: RunningProcess } | { missing: string }> {
  const port = await freePort();
  const documents = benchDocuments(
    { outbound: port, admin: await freePort(), origin: origin.port, spans: spansPort },
    { workers, sampleRatio, tls },
  );
  const lack = tls === null ? null : refusalOfTls(documents);
  if (lack !== null) return { missing: lack };
  const config = writeDocuments(documents, rig.folder, `meshlane-${port}.yaml`);
  const args = [...nodeFlags, mainFile, 'proxy', '--config', config];
  const running = await startProcess({
    ...onProxyCpu(rig.place, process.execPath, args),
    cwd: root,
    t: rig.owner,
    ready: /^ready: /,
  });
  const subject = { name: 'meshlane', version: await meshlaneVersion(), port, pid: running.pid, tls };
  await becomesReady(subject, running, origin);
  return { subject, running };
}

/** A checkout from before TLS refuses the field: that is no failure of the bench. Anything else is. */
function refusalOfTls(documents: readonly Document[]): string | null {
  const read = readProxy(documents.find(({ kind }) => kind === 'Proxy'));
  const refusals = read.ok ? [] : read.issues.filter(({ pointer }) => pointer.includes('/listeners/0'));
  return refusals.length === 0
    ? null
    : `its listeners take no TLS yet (${refusals[0]!.pointer} ${refusals[0]!.message})`;
}

async function becomesReady({ name, port, tls }: Subject, running: RunningProcess, origin: Origin): Promise<void> {
  try {
    await until(() => checkReply(name, port, origin.body, tls), { what: `a reply through ${name}` });
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
