import { type RunningProxy, startProxy } from '../../../dataplane/supervisor/proxy.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import type { TransportKind } from '../../../shared/transport/open.ts';
import { sumOf } from '../../harness/metrics-page.ts';
import type { Owner } from '../../harness/owner.ts';
import { proxyDocument } from './resources.ts';

export type StaticProxy = {
  /** Port of the outbound listener. */
  readonly port: number;
  /** Port of the inbound listener; only when `appPort` was given. */
  readonly inboundPort: number;
  readonly adminPort: number;
  metrics(): Promise<string>;
  /** Sum of the samples of a metric whose labels contain all that is asked for; 0 when there is none. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** What was logged as a warning, with its fields. */
  readonly warnings: readonly Record<string, unknown>[];
  drain(): Promise<void>;
  close(): Promise<void>;
};

export type StaticProxyOptions = {
  readonly resources?: readonly AnyResource[];
  readonly appPort?: number;
  /** More of the Proxy document's spec: limits, tracing, workers ... */
  readonly spec?: object;
  readonly transportKind?: TransportKind;
};

/** Starts a whole proxy, worker threads and all, in this process. Ends with its owner. */
export async function staticProxy(t: Owner, options: StaticProxyOptions = {}): Promise<StaticProxy> {
  const listeners: object[] = [{ name: 'out', port: 0, direction: 'outbound' }];
  if (options.appPort !== undefined) listeners.push({ name: 'in', port: 0, direction: 'inbound' });
  const warnings: Record<string, unknown>[] = [];
  let running: RunningProxy | null = await startProxy({
    proxy: proxyDocument({
      admin: { port: 0 },
      listeners,
      drainTimeout: '5s',
      ...(options.appPort === undefined ? {} : { service: 'app', appPort: options.appPort }),
      ...options.spec,
    }),
    resources: options.resources ?? [],
    controlPlane: null,
    version: 'test',
    transportKind: options.transportKind ?? 'handle',
    checksWrites: true,
    log: { info: () => undefined, warn: (message, fields) => void warnings.push({ message, ...fields }) },
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
  const metrics = async () => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return {
    port: running.listeners.get('out')!.port,
    inboundPort: running.listeners.get('in')?.port ?? 0,
    adminPort,
    metrics,
    metric: async (name, labels = {}) => sumOf(await metrics(), name, labels),
    warnings,
    drain: () => running!.drain(),
    close,
  };
}
