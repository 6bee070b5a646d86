import { formatAddress } from '../../shared/discovery/address.ts';
import { frontOf, type MeshPorts, reachable, sidecarsOfAnOrder, workloadOf } from './plan.ts';

export type ScreenFacts = {
  readonly ports: MeshPorts;
  /** Milliseconds that the first order took; null without the demo. */
  readonly firstOrderMs: number | null;
  readonly startedInMs: number;
  readonly processes: number;
  readonly stateFolder: string;
  readonly hasLoad: boolean;
  /** How a user types `meshlane`, and the folder of the shop's files, both from where they are. */
  readonly meshlane: string;
  readonly shopFolder: string;
  /** ` --api HOST:PORT`, or nothing when the API is where clients look by themselves. */
  readonly apiFlag: string;
};

/** What `meshlane dev` shows once everything runs: one screen of 24 rows and 100 columns. */
export function screen(facts: ScreenFacts): string {
  const { ports, firstOrderMs, startedInMs, processes, stateFolder } = facts;
  const at = (address: MeshPorts['api']) => formatAddress(reachable(address));
  const up = `${processes} processes up in ${(startedInMs / 1000).toFixed(1)} s; Ctrl-C ends all`;
  const order = `first order answered in ${firstOrderMs?.toFixed(0)} ms through ${sidecarsOfAnOrder} sidecars; `;
  return [
    `ready: ${firstOrderMs === null ? '' : order}${up}`,
    '',
    `  traces         http://${at(ports.traces)}/`,
    `  control plane  http://${at(ports.api)} (API), ${at(ports.push)} (push)`,
    `  collector      ${at(ports.otlpGrpc)} (OTLP/gRPC), http://${at(ports.otlpHttp)} (OTLP/HTTP)`,
    `  state, logs    ${stateFolder}, its folder logs`,
    ...(firstOrderMs === null ? withoutDemo(facts) : demo(facts)),
    '',
  ].join('\n');
}

function demo({ ports, hasLoad, meshlane, shopFolder, apiFlag }: ScreenFacts): string[] {
  const row = (name: string, cells: readonly (string | number)[]) =>
    `  ${name.padEnd(13)}${cells.map((cell) => `  ${String(cell).padEnd(9)}`).join('')}`.trimEnd();
  const front = frontOf(ports).outbound;
  const inventory = workloadOf(ports, 'inventory').app;
  const { admin } = workloadOf(ports, 'order');
  return [
    row('app', ['its port', 'sidecar: outbound', 'inbound', 'admin']),
    ...ports.workloads.map(({ name, app, outbound, inbound, admin: own }) =>
      row(name, [app, String(outbound).padEnd(17), inbound, own]),
    ),
    hasLoad
      ? `  load           5 orders a second through user's sidecar (${front})`
      : `  load           none (--no-load)`,
    'Try in another terminal:',
    "1. Half of product's traffic to v2; the rollout becomes applied N/N:",
    `   ${meshlane} apply${apiFlag} -f ${shopFolder}/product-split.yaml --wait`,
    '2. Break inventory; watch its retries and its breaker ("mode":"off" mends it):',
    `   curl -d '{"mode":"errors"}' http://127.0.0.1:${inventory}/admin/fail`,
    `   curl -s http://127.0.0.1:${admin}/metrics | grep -E '^meshlane_(retries|breaker).*inventory'`,
    `3. One order's trace: http://${formatAddress(reachable(ports.traces))}/#/trace/ID with the ID in its x-trace-id`,
    `   curl -i -H 'Host: order' -d '{"user":"ada","product":"tea"}' http://127.0.0.1:${front}/orders`,
  ];
}

function withoutDemo({ ports, meshlane, apiFlag }: ScreenFacts): string[] {
  return [
    '',
    'Put an application behind a sidecar, and tell the mesh what it is:',
    `   ${meshlane} proxy --control-plane ${formatAddress(reachable(ports.push))} --service NAME --app-port PORT`,
    `   ${meshlane} apply${apiFlag} -f FILE`,
  ];
}
