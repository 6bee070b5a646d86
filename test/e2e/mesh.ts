import { fileURLToPath } from 'node:url';
import { callApi, type Reply } from '../controlplane/plane.ts';
import type { Owner } from '../harness/owner.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';
import { Caller } from './caller.ts';

const meshlane = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));
const app = fileURLToPath(new URL('./app.ts', import.meta.url));

/** A process of the mesh, with the places its `ready:` line names. */
type Started = RunningProcess & { readonly places: Readonly<Record<string, string>> };

async function start(t: Owner, args: readonly string[]): Promise<Started> {
  const running = await startProcess({ command: process.execPath, args, ready: /^ready: /, t });
  const words = /^ready: (.*)$/m.exec(running.output())![1]!.split(' ');
  const places: Record<string, string> = {};
  words.forEach((word, i) => {
    if (/:\d+$/.test(word)) places[words[i - 1]!] = word.replace('http://', '');
  });
  return { ...running, places };
}

export type PlaneProcess = RunningProcess & {
  readonly push: string;
  readonly api: string;
  call(method: string, path: string, body?: unknown): Promise<Reply>;
};

/** A control plane; `at` gives the addresses of an earlier one to start it again. */
export async function startPlane(
  t: Owner,
  store: string,
  at: { api: string; push: string } = { api: ':0', push: ':0' },
): Promise<PlaneProcess> {
  const args = [meshlane, 'control-plane', '--insecure', '--api', at.api, '--push', at.push, '--store', store];
  const { places, ...running } = await start(t, args);
  const api = places['api']!;
  const call: PlaneProcess['call'] = (method, path, body) => callApi(`http://${api}`, method, path, body);
  return { ...running, api, push: places['push']!, call };
}

export type App = RunningProcess & { readonly port: string };

/** A plain application (see app.ts), on a free port unless one is given; `mesh` is where it sends its calls. */
export async function startApp(t: Owner, name: string, { port = '0', mesh = '' } = {}): Promise<App> {
  const { places, ...running } = await start(t, [app, name, port, mesh]);
  return { ...running, port: places[name]!.split(':')[1]! };
}

export type SidecarOptions = {
  readonly push: string;
  readonly name: string;
  readonly service: string;
  readonly state: string;
  readonly app?: App;
  /** Ports of its own choice unless given. */
  readonly outbound?: string;
  readonly inbound?: string;
  /** Further flags. */
  readonly more?: readonly string[];
};

export type SidecarProcess = RunningProcess & {
  readonly outbound: number;
  readonly inbound: number;
  /** What `/snapshot` of the admin port tells. */
  snapshot(): Promise<Snapshot>;
  metrics(): Promise<string>;
};

export type Snapshot = {
  readonly revision: number;
  /** `known` is null where the control plane sends all instances. */
  readonly scope: { readonly services: readonly string[]; readonly known: readonly string[] | null };
  readonly resources: readonly { readonly kind: string; readonly name: string; readonly spec: object }[];
};

export async function startSidecar(t: Owner, options: SidecarOptions): Promise<SidecarProcess> {
  const { push, name, service, state, app, outbound = '127.0.0.1:0', inbound = '127.0.0.1:0', more = [] } = options;
  const { places, ...running } = await start(t, [
    ...[meshlane, 'proxy', '--control-plane', push, '--service', service, '--name', name, '--state', state],
    ...['--outbound', outbound, '--inbound', inbound, '--admin', '127.0.0.1:0'],
    ...(app ? ['--app-port', app.port] : []),
    ...more,
  ]);
  const portOf = (place: string) => Number(places[place]?.split(':')[1] ?? 0);
  const ask = (path: string) => fetch(`http://${places['admin']}${path}`);
  return {
    ...running,
    outbound: portOf('outbound'),
    inbound: portOf('inbound'),
    snapshot: async () => (await (await ask('/snapshot')).json()) as Snapshot,
    metrics: async () => (await ask('/metrics')).text(),
  };
}

/** Calls a service through a sidecar until that was told of so many of its instances: it is told of whom it calls. */
export async function acquaint({ outbound, snapshot }: SidecarProcess, service: string, count: number): Promise<void> {
  const isTold = async () => {
    const caller = new Caller(outbound);
    await caller.ask({ host: service });
    caller.close();
    const { resources } = await snapshot();
    const isOne = ({ kind, spec }: { kind: string; spec: object }) =>
      kind === 'Instance' && 'service' in spec && spec.service === service;
    return resources.filter(isOne).length === count;
  };
  await until(isTold, { what: `${count} instances of ${service} at a sidecar` });
}

export type CollectorProcess = RunningProcess & { readonly otlpHttp: string; readonly traces: string };

export async function startCollector(t: Owner, exportUrl: string): Promise<CollectorProcess> {
  const anywhere = ['--otlp-grpc', '--otlp-http', '--http'].flatMap((flag) => [flag, '127.0.0.1:0']);
  const { places, ...running } = await start(t, [meshlane, 'collector', ...anywhere, '--export', exportUrl]);
  return { ...running, otlpHttp: places['otlp-http']!, traces: places['traces']! };
}
