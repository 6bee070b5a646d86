import { connect } from 'node:net';
import { join } from 'node:path';
import { parseAddress } from '../../../shared/discovery/address.ts';
import { discoveryMethods } from '../../../shared/discovery/discovery-methods.ts';
import { GrpcClient } from '../../../shared/grpc/client/grpc-client.ts';
import { startEtcd } from '../../controlplane/etcd.ts';
import { freePort } from '../../harness/free-port.ts';
import { startProcess } from '../../harness/process.ts';
import { onProxyCpu } from '../placement.ts';
import type { Rig } from '../rig.ts';
import { mainFile, root } from '../start-meshlane.ts';

export const storeNames = ['sqlite', 'etcd'] as const;
export type StoreName = (typeof storeNames)[number];

/** A control plane on the CPU of the proxies, a client of it as sidecars have it, and a sidecar that is attached and acknowledges. */
export type Mesh = {
  readonly api: string;
  readonly client: GrpcClient;
  /** Resolves when the sidecar gets this resource. */
  arrival(name: string): Promise<void>;
};

export async function startMesh(rig: Rig, name: StoreName): Promise<Mesh> {
  const local = async () => `127.0.0.1:${await freePort()}`;
  const [api, push] = [await local(), await local()];
  const store =
    name === 'sqlite' ? `sqlite:${join(rig.folder, 'registry.db')}` : `etcd://${(await startEtcd(rig.owner)).address}`;
  const flags = ['--insecure', '--api', api, '--push', push, '--store', store];
  await startProcess({
    ...onProxyCpu(rig.place, process.execPath, [mainFile, 'control-plane', ...flags]),
    cwd: root,
    t: rig.owner,
    ready: /^ready: /,
  });
  const place = { ...parseAddress(push, '--push'), noDelay: true };
  const client = new GrpcClient({ authority: push, connect: () => connect(place), fields: () => [] });
  const awaited = new Map<string, () => void>();
  const stream = client.call(discoveryMethods.Stream);
  stream.on('error', () => undefined); // it is cancelled at the end
  stream.on('data', (update) => {
    stream.write({ ack: { revision: update.revision, rejected: [] } });
    for (const { key } of update.resources) awaited.get(key.name)?.();
  });
  const hello = { sidecar: 'bench', service: '', version: '0', revision: 0, mesh: '', scoped: false, services: [] };
  stream.write({ hello });
  rig.owner.teardown(() => {
    stream.cancel();
    client.close();
  });
  const arrival = (resource: string) => new Promise<void>((resolve) => awaited.set(resource, resolve));
  return { api: `http://${api}`, client, arrival };
}
