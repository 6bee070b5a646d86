import { join } from 'node:path';
import { type Address, formatAddress } from '../../shared/discovery/address.ts';
import type { ProcessPlan } from './child.ts';
import type { WantedPort } from './ports.ts';

/** Where everything listens. */
export type MeshPorts = {
  readonly api: Address;
  readonly push: Address;
  readonly otlpGrpc: Address;
  readonly otlpHttp: Address;
  readonly traces: Address;
  readonly workloads: readonly Workload[];
};

/** An app of the shop and the sidecar before it; all on 127.0.0.1. */
export type Workload = {
  readonly name: string;
  readonly service: string;
  readonly version: string | null;
  readonly outbound: number;
  readonly inbound: number;
  readonly admin: number;
  readonly app: number;
};

const shop = [
  { name: 'user', service: 'user', version: null },
  { name: 'product-v1', service: 'product', version: 'v1' },
  { name: 'product-v2', service: 'product', version: 'v2' },
  { name: 'inventory', service: 'inventory', version: null },
  { name: 'order', service: 'order', version: null },
  { name: 'payment', service: 'payment', version: null },
] as const;

/** Sidecars that one order passes: the customer's (user), order, one product, inventory and payment. */
export const sidecarsOfAnOrder = 5;

const portsPerWorkload = 10; // 15100 to 15103 for the first one, 15110 to 15113 for the next: easy to tell apart
const roles = ['outbound', 'inbound', 'admin', 'app'] as const;
const planes = ['api', 'push', 'otlpGrpc', 'otlpHttp', 'traces'] as const;
type Plane = (typeof planes)[number];

export const highestBasePort = 65_535 - shop.length * portsPerWorkload;

/** The ports to look at, in the order in which `meshPorts` takes them. A base port of 0 takes any free ones. */
export function wantedPorts(
  addresses: Readonly<Record<Plane, WantedPort>>,
  basePort: number,
  withShop: boolean,
): WantedPort[] {
  const ofShop = shop.flatMap((_, i) =>
    roles.map((_role, r) => {
      const port = basePort === 0 ? 0 : basePort + i * portsPerWorkload + r;
      return { address: { host: '127.0.0.1', port }, flag: '--base-port' };
    }),
  );
  return [...planes.map((plane) => addresses[plane]), ...(withShop ? ofShop : [])];
}

export function meshPorts(free: readonly Address[]): MeshPorts {
  const [api, push, otlpGrpc, otlpHttp, traces, ...rest] = free as [Address, Address, Address, Address, Address];
  const ports = (rest as Address[]).map(({ port }) => port);
  const workloads = shop.slice(0, ports.length / roles.length).map((app, i) => {
    const [outbound, inbound, admin, own] = ports.slice(i * roles.length) as [number, number, number, number];
    return { ...app, outbound, inbound, admin, app: own };
  });
  return { api, push, otlpGrpc, otlpHttp, traces, workloads };
}

/** An address as clients on this machine reach it: a server on every address is on the loopback one, too. */
export function reachable({ host, port }: Address): Address {
  return { host: host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port };
}

const meshlane = 'cli/main.mjs';

export function controlPlanePlan(ports: MeshPorts, stateFolder: string): ProcessPlan {
  const store = `sqlite:${join(stateFolder, 'meshlane.db')}`;
  const args = [
    meshlane,
    'control-plane',
    '--insecure',
    '--api',
    formatAddress(ports.api),
    '--push',
    formatAddress(ports.push),
  ];
  return { name: 'control-plane', args: [...args, '--store', store], printsReady: true };
}

export function collectorPlan(ports: MeshPorts): ProcessPlan {
  const { otlpGrpc, otlpHttp, traces } = ports;
  const args = ['--otlp-grpc', formatAddress(otlpGrpc), '--otlp-http', formatAddress(otlpHttp)];
  return {
    name: 'collector',
    args: [meshlane, 'collector', ...args, '--http', formatAddress(traces)],
    printsReady: true,
  };
}

export function appPlan({ name, service, version, app, outbound }: Workload): ProcessPlan {
  const own = service === 'order' ? ['--mesh', `127.0.0.1:${outbound}`] : version ? ['--version', version] : [];
  return { name, args: [`examples/shop/${service}.ts`, '--port', String(app), ...own], printsReady: true };
}

export function sidecarPlan(workload: Workload, ports: MeshPorts, stateFolder: string): ProcessPlan {
  const { name, service, version, app, outbound, inbound, admin } = workload;
  const args = [
    ...['--control-plane', formatAddress(reachable(ports.push)), '--service', service, '--app-port', String(app)],
    ...['--outbound', `127.0.0.1:${outbound}`, '--inbound', `127.0.0.1:${inbound}`, '--admin', `127.0.0.1:${admin}`],
    ...['--name', name, ...(version ? ['--labels', `version=${version}`] : [])],
    ...['--otlp', `http://${formatAddress(reachable(ports.otlpHttp))}`, '--sample', '1'],
    ...['--state', join(stateFolder, 'sidecars', name)],
  ];
  return { name: sidecarName(name), args: [meshlane, 'proxy', ...args], printsReady: true };
}

export function sidecarName(workload: string): string {
  return `${workload} sidecar`;
}

/** Customers shop through the sidecar of user. */
export function loadPlan(ports: MeshPorts): ProcessPlan {
  const args = ['examples/shop/load.ts', '--mesh', `127.0.0.1:${frontOf(ports).outbound}`, '--report', '10'];
  return { name: 'load', args, printsReady: false };
}

export function frontOf(ports: MeshPorts): Workload {
  return workloadOf(ports, 'user');
}

export function workloadOf(ports: MeshPorts, name: (typeof shop)[number]['name']): Workload {
  const found = ports.workloads.find((workload) => workload.name === name);
  if (!found) throw new Error(`the demo has no ${name}`);
  return found;
}
