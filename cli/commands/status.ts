import { ApiClient, clientOptions } from '../api-client.ts';
import type { Command } from '../command.ts';
import { describeHold, type Hold } from '../hold-text.ts';
import { outputOption, printJson, readOutput } from '../output.ts';
import { table } from '../table.ts';

type Sidecar = {
  sidecar: string;
  service: string;
  connected: boolean;
  acked: number;
  rejected: { kind: string; name: string; error: string }[];
};
type Status = {
  version: string;
  revision: number;
  store: { name: string; connected: boolean };
  resources: Record<string, number>;
  sidecars: {
    connected: number;
    items: Sidecar[];
    /** Left out by control planes of an earlier version. */
    elsewhere?: readonly { replica: string; sidecars: number }[];
  };
  services: { name: string; protocol: string; instances: number; up: number }[];
  rollout: { revision: number; state: string; summary: string } | null;
  holds: readonly Hold[];
  faults: readonly { key: string; why: string; since: string }[];
};

const forms = ['table', 'json'];

export const command: Command = {
  name: 'status',
  summary: 'Shows the mesh at a glance: store, sidecars, instances, the latest rollout.',
  options: { ...clientOptions, output: outputOption(forms) },
  async run(invocation) {
    const form = readOutput(invocation, forms);
    const status = (await new ApiClient(invocation).get('/v1/status')) as Status;
    if (form === 'json') printJson(status);
    else process.stdout.write(describe(status));
    return 0;
  },
};

function describe(status: Status): string {
  const { version, revision, store, resources, sidecars, services, rollout, holds, faults } = status;
  const counts = Object.entries(resources).map(([plural, count]) => `${count} ${plural}`);
  const lines = [
    `control plane ${version}, store ${store.name}${store.connected ? '' : ' (cannot be reached)'}, revision ${revision}`,
    counts.join(', '),
    rollout
      ? `latest rollout: ${rollout.summary} (revision ${rollout.revision}, ${rollout.state})`
      : 'nothing was applied yet',
    ...holds.map(describeHold),
    ...(holds.length > 0 ? ['see meshlane holds'] : []),
    ...faults.map(({ key, why, since }) => `the store has no valid resource at ${key} since ${since}: ${why}`),
    '',
  ];
  const perService = services.map(({ name, protocol, instances, up }) => [name, protocol, `${up}/${instances}`]);
  const perSidecar = sidecars.items.map(({ sidecar, service, connected, acked, rejected }) => [
    sidecar,
    service || '-',
    connected ? 'connected' : 'disconnected',
    String(acked),
    rejected.map(({ kind, name, error }) => `${kind}/${name}: ${error}`).join('; ') || '-',
  ]);
  const perReplica = (sidecars.elsewhere ?? []).map(({ replica, sidecars: count }) => [replica, String(count)]);
  return [
    lines.join('\n'),
    services.length > 0 ? table(['service', 'protocol', 'instances up'], perService) : 'there are no services\n',
    sidecars.items.length > 0
      ? table(['sidecar', 'service', 'stream', 'applied', 'refused'], perSidecar)
      : 'no sidecar is connected\n',
    ...(perReplica.length > 0 ? [table(['other control plane', 'sidecars'], perReplica)] : []),
  ].join('\n');
}
