import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../harness/free-port.ts';
import { startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import type { Origin } from './ends.ts';
import type { Target } from './light-load.ts';
import { type Document, writeDocuments } from './mesh-config.ts';
import { onProxyCpu } from './placement.ts';
import type { Rig } from './rig.ts';
import { mainFile, root } from './start-meshlane.ts';

/** A sidecar of the shop’s order service, and where its application and its callers reach it. */
export type Sidecar = { readonly pid: number; readonly targets: readonly Target[] };

/** The services that order calls, each with the instance that the origin plays. */
const called = ['user', 'product', 'inventory', 'payment'] as const;
const shopFile = join(root, 'examples', 'shop', 'mesh.yaml');

function instances(originPort: number): Document[] {
  const instance = (name: string, service: string, version: string) => ({
    kind: 'Instance',
    name,
    labels: { version },
    spec: { service, address: '127.0.0.1', port: originPort },
  });
  return [...called.map((service) => instance(`${service}-1`, service, 'v1')), instance('product-2', 'product', 'v2')];
}

function targets(outbound: number, inbound: number): Target[] {
  return [...called.map((host) => ({ port: outbound, host })), { port: inbound, host: 'order' }];
}

/** The shop’s resources from a file, without a control plane. */
export async function startStaticSidecar(rig: Rig, origin: Origin, spansPort: number): Promise<Sidecar> {
  const [outbound, inbound] = [await freePort(), await freePort()];
  const proxy: Document = {
    kind: 'Proxy',
    name: 'order',
    spec: {
      workers: 1,
      service: 'order',
      appPort: origin.port,
      admin: { port: await freePort() },
      listeners: [
        { name: 'out', port: outbound, direction: 'outbound' },
        { name: 'in', port: inbound, direction: 'inbound' },
      ],
      tracing: { endpoint: `http://127.0.0.1:${spansPort}`, sampleRatio: 0.01 },
      drainTimeout: '2s',
    },
  };
  const file = writeDocuments([proxy, ...instances(origin.port)], rig.folder, 'sidecar.yaml');
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n---\n${readFileSync(shopFile, 'utf8')}`);
  const { pid } = await start(rig, 'proxy', '--config', file);
  return { pid, targets: targets(outbound, inbound) };
}

/** The same from a control plane, as the shop runs it: the sidecar holds a gRPC stream and keeps its snapshot on disk. */
export async function startMeshSidecar(rig: Rig, origin: Origin, spansPort: number): Promise<Sidecar> {
  const local = async () => `127.0.0.1:${await freePort()}`;
  const [api, push] = [await local(), await local()];
  await startProcess({
    command: process.execPath,
    args: [
      mainFile,
      'control-plane',
      '--insecure',
      '--api',
      api,
      '--push',
      push,
      '--store',
      `sqlite:${join(rig.folder, 'mesh.db')}`,
    ],
    cwd: root,
    t: rig.owner,
    ready: /^ready: /,
  });
  for (const file of [shopFile, writeDocuments(instances(origin.port), rig.folder, 'instances.yaml')]) {
    const applied = await runCommand(process.execPath, [mainFile, 'apply', '-f', file, '--api', api], { cwd: root });
    if (applied.code !== 0) throw new Error(`meshlane apply -f ${file} failed: ${applied.stderr || applied.stdout}`);
  }
  const [outbound, inbound] = [await freePort(), await freePort()];
  const { pid } = await start(
    rig,
    ...['proxy', '--control-plane', push, '--service', 'order', '--app-port', String(origin.port), '--workers', '1'],
    ...['--outbound', `127.0.0.1:${outbound}`, '--inbound', `127.0.0.1:${inbound}`, '--admin', await local()],
    ...['--state', join(rig.folder, 'state'), '--otlp', `http://127.0.0.1:${spansPort}`],
  );
  return { pid, targets: targets(outbound, inbound) };
}

function start(rig: Rig, ...args: string[]): Promise<{ pid: number }> {
  return startProcess({
    ...onProxyCpu(rig.place, process.execPath, [mainFile, ...args]),
    cwd: root,
    t: rig.owner,
    ready: /^ready: /,
  });
}
