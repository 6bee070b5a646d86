import { Counter, Gauge, Histogram, Registry as MetricRegistry } from '../../observability/metrics/prom.ts';
import type { FastifyInstance } from '../../shared/http/fastify.ts';
import { kinds } from '../../shared/resources/resource.ts';
import { addProtectionMetrics } from '../access/protection-metrics.ts';
import type { MeshParts } from './mesh-routes.ts';
import type { Watches } from './watches.ts';

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The figures of the control plane, read when somebody scrapes. */
export function controlPlaneMetrics(
  { catalog, hub, holds, leadership, store, rollouts, protection, xds }: MeshParts,
  watches: Watches,
): MetricRegistry {
  const registry = new MetricRegistry();
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  gauge(
    'meshlane_control_plane_revision',
    'Store revision up to which this control plane knows everything.',
    () => catalog.revision,
  );
  gauge('meshlane_control_plane_store_connected', '1 while the store can be followed.', () =>
    store.following.problem === null ? 1 : 0,
  );
  gauge('meshlane_control_plane_sidecars', 'Connected sidecars.', () => hub.connected);
  gauge(
    'meshlane_control_plane_sidecars_behind',
    'Connected sidecars that have not answered the latest change.',
    () => {
      return hub.rollout('latest')?.laggards.length ?? 0;
    },
  );
  gauge('meshlane_control_plane_xds_clients', 'Connected clients of xDS.', () => xds?.connected ?? 0);
  gauge(
    'meshlane_control_plane_xds_clients_refusing',
    'Connected clients of xDS that refused the last they were sent of some type.',
    () => xds?.refusing ?? 0,
  );
  gauge(
    'meshlane_control_plane_held_resources',
    'Resources that are served although the store lost them or their lease ran out.',
    () => catalog.holds.size,
  );
  gauge(
    'meshlane_control_plane_held_sidecars',
    'Sidecars that are left with what they have until somebody decides.',
    () => holds.heldSidecars,
  );
  gauge(
    'meshlane_control_plane_faulty_entries',
    'Entries of the store that cannot be read as resources.',
    () => catalog.faults.size,
  );
  gauge('meshlane_control_plane_leader', '1 at the control plane that leads.', () => (leadership.isLeader ? 1 : 0));
  gauge('meshlane_control_plane_watches', 'Open watches of the control API.', () => watches.size);
  gauge('meshlane_control_plane_resident_memory_bytes', 'Resident memory of the process.', () =>
    process.memoryUsage.rss(),
  );
  new Gauge({
    name: 'meshlane_control_plane_resources',
    help: 'Resources by kind.',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      for (const kind of kinds) this.set({ kind }, catalog.count(kind));
    },
  });
  const cutOff = new Counter({
    name: 'meshlane_control_plane_sidecars_cut_off_total',
    help: 'Streams closed because an update was not answered in time.',
    registers: [registry],
    collect() {
      cutOff.reset();
      cutOff.inc(hub.slowClosed);
    },
  });
  const ended = new Counter({
    name: 'meshlane_rollouts_total',
    help: 'Rollouts that this control plane brought to their end: done, or rolledBack.',
    labelNames: ['outcome'],
    registers: [registry],
    collect() {
      ended.reset();
      for (const [outcome, count] of Object.entries(rollouts.outcomes)) ended.inc({ outcome }, count);
    },
  });
  const differences = new Counter({
    name: 'meshlane_control_plane_store_differences_total',
    help: 'Keys that were not known as the store had them, found by the comparison that is made each minute.',
    registers: [registry],
    collect() {
      differences.reset();
      differences.inc(store.following.differences);
    },
  });
  addProtectionMetrics(registry, protection);
  return registry;
}

/** Counts and times the requests of the API by route, so that names in paths make no series. */
export function measureRequests(server: FastifyInstance, registry: MetricRegistry): void {
  const requests = new Counter({
    name: 'meshlane_control_plane_requests_total',
    help: 'Requests of the control API.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'meshlane_control_plane_request_duration_seconds',
    help: 'Time from a request’s head to the end of its answer.',
    labelNames: ['method', 'route'],
    buckets,
    registers: [registry],
  });
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const method = request.routeOptions.url ? request.method : 'any';
    requests.inc({ method, route, status: reply.statusCode });
    durations.observe({ method, route }, reply.elapsedTime / 1000);
  });
}
