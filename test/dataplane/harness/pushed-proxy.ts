import { type RunningProxy, startProxy } from '../../../dataplane/supervisor/proxy.ts';
import { sumOf } from '../../harness/metrics-page.ts';
import type { Owner } from '../../harness/owner.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import type { PushPlane } from './push-plane.ts';
import { proxyDocument } from './resources.ts';

export type PushedProxy = {
  /** Port of the outbound listener. */
  readonly port: number;
  readonly adminPort: number;
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** What `/snapshot` of the admin port tells. */
  snapshot(): Promise<PushedSnapshot>;
  drain(): Promise<void>;
  close(): Promise<void>;
};

type PushedSnapshot = {
  readonly scope: { readonly services: readonly string[]; readonly known: readonly string[] | null };
  readonly resources: readonly { readonly kind: string; readonly name: string }[];
};

export type PushedProxyOptions = {
  /** Where its state is kept; a new folder unless given. */
  readonly stateFolder?: string;
  readonly scopeIdleMs?: number;
  /** More of the Proxy document's spec. */
  readonly spec?: object;
};

/** Starts a whole proxy in this process that has its configuration from a control plane. Ends with its owner. */
export async function pushedProxy(t: Owner, plane: PushPlane, options: PushedProxyOptions = {}): Promise<PushedProxy> {
  const { stateFolder = tempFolder(t), scopeIdleMs, spec } = options;
  let running: RunningProxy | null = await startProxy({
    proxy: proxyDocument({
      admin: { port: 0 },
      listeners: [{ name: 'out', port: 0, direction: 'outbound' }],
      drainTimeout: '5s',
      ...spec,
    }),
    resources: [],
    controlPlane: {
      address: plane.address,
      stateFolder,
      credentials: null,
      instanceAt: () => null,
      ...(scopeIdleMs === undefined ? {} : { scopeIdleMs }),
    },
    version: 'test',
    log: { info: () => undefined, warn: () => undefined },
    onCrash: (error) => {
      throw error;
    },
  });
  const close = async () => {
    await running?.close();
    running = null;
  };
  t.teardown(close);
  const adminPort = running.admin!.port;
  const read = (path: string) => fetch(`http://127.0.0.1:${adminPort}${path}`);
  return {
    port: running.listeners.get('out')!.port,
    adminPort,
    metric: async (name, labels = {}) => sumOf(await (await read('/metrics')).text(), name, labels),
    snapshot: async () => (await (await read('/snapshot')).json()) as PushedSnapshot,
    drain: () => running!.drain(),
    close,
  };
}
