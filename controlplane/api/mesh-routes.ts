import { type FastifyInstance, sendProblem } from '../../shared/http/fastify.ts';
import { kinds, plurals } from '../../shared/resources/resource.ts';
import { mustOwn } from '../access/api-guard.ts';
import type { Protection } from '../access/protection-metrics.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { HoldDesk } from '../holds/hold-desk.ts';
import type { Leadership } from '../leader/leadership.ts';
import type { PushHub } from '../push/push-hub.ts';
import type { SidecarBoard } from '../push/sidecar-board.ts';
import type { Registry } from '../registry/registry.ts';
import type { RolloutConductor } from '../rollout/conductor.ts';
import type { Following } from '../store/follow.ts';
import type { XdsHub } from '../xds/xds-hub.ts';
import { toProblem } from './refusal.ts';
import { readQuery } from './request.ts';

export type MeshParts = {
  readonly catalog: Catalog;
  readonly hub: PushHub;
  readonly sidecars: SidecarBoard;
  readonly registry: Registry;
  readonly holds: HoldDesk;
  readonly leadership: Leadership;
  readonly rollouts: Pick<RolloutConductor, 'outcomes'>;
  readonly store: { readonly name: string; readonly following: Following };
  readonly version: string;
  /** Left out where xDS is not served. */
  readonly xds?: XdsHub;
  readonly protection: Protection;
};

/** What the mesh is doing: heartbeats, rollouts, sidecars, status. */
export function addMeshRoutes(server: FastifyInstance, parts: MeshParts): void {
  const { catalog, hub, registry } = parts;
  const missing = (detail: string) => toProblem({ code: 'not_found', detail, issues: [] });

  server.post<{ Params: { name: string } }>('/v1/instances/:name/heartbeat', async (request, reply) => {
    readQuery(request, []);
    const { name } = request.params;
    mustOwn(request, catalog, name);
    const renewal = await registry.heartbeat(name);
    return renewal
      ? reply.send({ name, ...renewal })
      : sendProblem(reply, missing(`Instance/${name} does not exist, or its lease ran out; register it again`));
  });

  server.get<{ Params: { revision: string } }>('/v1/rollouts/:revision', (request, reply) => {
    readQuery(request, []);
    const { revision } = request.params;
    const isNumber = /^[0-9]{1,15}$/.test(revision);
    const rollout =
      revision === 'latest' || isNumber ? parts.sidecars.rollout(isNumber ? Number(revision) : 'latest') : null;
    if (rollout) return reply.send(rollout);
    const detail =
      revision === 'latest'
        ? 'nothing was applied yet'
        : `no change of the mesh is known at revision "${revision}"; the store is at ${catalog.revision}`;
    return sendProblem(reply, missing(detail));
  });

  server.get('/v1/sidecars', (request, reply) => {
    readQuery(request, []);
    return reply.send({ items: hub.sidecars(), elsewhere: parts.sidecars.elsewhere, revision: hub.newest });
  });

  server.get('/v1/status', (request, reply) => {
    readQuery(request, []);
    const sidecars = hub.sidecars();
    return reply.send({
      version: parts.version,
      revision: catalog.revision,
      store: { name: parts.store.name, connected: parts.store.following.problem === null },
      resources: Object.fromEntries(kinds.map((kind) => [plurals[kind], catalog.count(kind)])),
      sidecars: { connected: hub.connected, items: sidecars, elsewhere: parts.sidecars.elsewhere },
      services: servicesOf(catalog),
      rollout: parts.sidecars.rollout('latest'),
      leader: parts.leadership.isLeader,
      holds: parts.holds.list(),
      faults: catalog.faults.all(),
    });
  });
}

function servicesOf(catalog: Catalog): { name: string; protocol: string; instances: number; up: number }[] {
  const services = new Map<string, { name: string; protocol: string; instances: number; up: number }>();
  for (const { resource } of catalog.sorted('Service'))
    if (resource.kind === 'Service')
      services.set(resource.name, { name: resource.name, protocol: resource.spec.protocol, instances: 0, up: 0 });
  for (const resource of catalog.list('Instance')) {
    const service = resource.kind === 'Instance' ? services.get(resource.spec.service) : undefined;
    if (!service || resource.kind !== 'Instance') continue;
    service.instances++;
    if (resource.spec.status === 'up') service.up++;
  }
  return [...services.values()];
}
