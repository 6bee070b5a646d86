import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readProxy } from '../../shared/resources/read.ts';
import { freePort } from '../harness/free-port.ts';
import { startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import type { Hop } from './hop.ts';
import { benchDocuments, type Document, writeDocuments } from './mesh-config.ts';
import { onProxyCpu } from './placement.ts';
import type { Rig } from './rig.ts';
import type { Missing, StartedProxy } from './started-proxy.ts';
import type { TlsFiles } from './tls-files.ts';

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
  /** With everything configured that a request has to pass: a large table, limits, outlier detection. */
  readonly isFull?: boolean;
};

/** Starts `meshlane proxy` from this checkout on the runtime that runs the bench; says so when it knows no TLS. */
export async function startMeshlane(
  rig: Rig,
  originPort: number,
  hop: Hop,
  { spansPort, sampleRatio, workers = 1, tls = null, nodeFlags = [], isFull = false }: MeshlaneOptions,
): Promise<StartedProxy | Missing> {
  const port = await freePort();
  const documents = benchDocuments(
    { outbound: port, admin: await freePort(), origin: originPort, spans: spansPort },
    { workers, sampleRatio, tls, hop, isFull },
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
  return { version: await meshlaneVersion(), port, running };
}

/** A checkout from before TLS refuses the field: that is no failure of the bench. Anything else is. */
function refusalOfTls(documents: readonly Document[]): string | null {
  const read = readProxy(documents.find(({ kind }) => kind === 'Proxy'));
  const refusals = read.ok ? [] : read.issues.filter(({ pointer }) => pointer.includes('/listeners/0'));
  return refusals.length === 0
    ? null
    : `its listeners take no TLS yet (${refusals[0]!.pointer} ${refusals[0]!.message})`;
}

/** The package's version and, in a checkout, its commit; `+` when files differ from it. */
export async function meshlaneVersion(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const commit = await runCommand('git', ['describe', '--always', '--dirty=+', '--exclude=*'], { cwd: root });
  return commit.code === 0 ? `${version} ${commit.stdout.trim()}` : version;
}
