import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sumOf } from '../harness/metrics-page.ts';
import type { Owner } from '../harness/owner.ts';
import { type RunningProcess, startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';

const main = fileURLToPath(new URL('../../cli/main.mjs', import.meta.url));

export type StaticSidecar = RunningProcess & {
  /** Where it listens: its outbound port, or its inbound one. */
  readonly port: number;
  /** Sum of a metric over its series; 0 when there is none. */
  metric(name: string): Promise<number>;
};

export type SidecarPair = {
  /** Beside the caller: its outbound listener takes what the caller sends. */
  readonly caller: StaticSidecar;
  /** Beside the application: its inbound listener hands everything to it. */
  readonly callee: StaticSidecar;
};

export type PairOptions = {
  /** More of the spec of both Proxy documents. */
  readonly spec?: object;
  /** Sections of a policy for the service `app`, at both sidecars. */
  readonly policy?: object;
};

/**
 * Two sidecars between a caller and the application on `appPort`, each a process with a static file:
 * caller -> `caller.port` -> inbound listener -> application. The application is the service `app`.
 */
export async function sidecarPair(
  t: Owner,
  appPort: number,
  { spec = {}, policy }: PairOptions = {},
): Promise<SidecarPair> {
  const folder = tempFolder(t);
  const common = [
    { kind: 'Service', name: 'app' },
    ...(policy === undefined ? [] : [{ kind: 'Policy', name: 'app', spec: { targets: [{ name: 'app' }], ...policy } }]),
  ];
  const start = async (name: string, more: object, rest: readonly object[]): Promise<StaticSidecar> => {
    const file = join(folder, `${name}.yaml`);
    const proxy = { kind: 'Proxy', name, spec: { admin: { port: 0 }, ...more, ...spec } };
    writeFileSync(file, [proxy, ...common, ...rest].map((document) => JSON.stringify(document)).join('\n---\n'));
    const running = await startProcess({
      command: process.execPath,
      args: [main, 'proxy', '--config', file],
      ready: /^ready: /,
      t,
    });
    const portOf = (place: string) => Number(new RegExp(` ${place} \\S+?:(\\d+)`).exec(running.output())![1]);
    const admin = portOf('admin');
    return {
      ...running,
      port: portOf('web'),
      metric: async (metric) => sumOf(await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text(), metric),
    };
  };
  const inbound = { service: 'app', appPort, listeners: [{ name: 'web', port: 0, direction: 'inbound' }] };
  const callee = await start('callee', inbound, []);
  const instance = {
    kind: 'Instance',
    name: 'app-1',
    spec: { service: 'app', address: '127.0.0.1', port: callee.port },
  };
  const caller = await start('caller', { listeners: [{ name: 'web', port: 0, direction: 'outbound' }] }, [instance]);
  return { caller, callee };
}
