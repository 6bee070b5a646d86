import { type ControlPlane, startControlPlane } from '../../../controlplane/control-plane.ts';
import { resourceTypes } from '../../../controlplane/xds/resource-type.ts';
import { formatAddress } from '../../../shared/discovery/address.ts';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { callApi, type Reply } from '../plane.ts';

/** A control plane that serves xDS, and that can go away and come back at the same port with the same store. */
export type RestartablePlane = {
  readonly xdsPort: number;
  apply(...resources: readonly object[]): Promise<void>;
  call(method: string, path: string): Promise<Reply>;
  /** The versions that the only client has taken of each type; null until it has some of all. */
  versions(): Promise<string | null>;
  stop(): Promise<void>;
  start(): Promise<void>;
};

export async function restartablePlane(t: Owner): Promise<RestartablePlane> {
  const xdsPort = await freePort();
  const store = `sqlite:${tempFolder(t)}/mesh.db`;
  const log = { info: () => {}, warn: () => {} };
  const open = () => startControlPlane({ log, store, xds: { host: '127.0.0.1', port: xdsPort } });
  let plane: ControlPlane = await open();
  t.teardown(() => plane.close());
  const url = () => `http://${formatAddress(plane.apiAddress)}`;
  return {
    xdsPort,
    apply: async (...resources) => {
      const { status, body } = await callApi(url(), 'POST', '/v1/apply', { resources });
      if (status !== 200) throw new Error(JSON.stringify(body));
    },
    call: (method, path) => callApi(url(), method, path),
    versions: async () => {
      const { body } = await callApi(url(), 'GET', '/v1/xds');
      const versions = resourceTypes.map((type): string => body.items[0]?.types[type]?.version ?? '');
      return versions.includes('') ? null : versions.join(' ');
    },
    stop: () => plane.close(),
    start: async () => {
      plane = await open();
    },
  };
}

export const service = (name: string, protocol = 'http1') => ({ kind: 'Service', name, spec: { protocol } });

export const instance = (name: string, of: string, port: number, labels = {}) => ({
  kind: 'Instance',
  name,
  labels,
  spec: { service: of, address: '127.0.0.1', port },
});

export const route = (name: string, hostnames: readonly string[], rules: readonly object[]) => ({
  kind: 'Route',
  name,
  spec: { hostnames, rules },
});
