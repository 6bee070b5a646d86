import { type AskedRequest, viewOf } from '../../shared/routing/explain/asked-request.ts';
import type { LiveCluster, LiveEndpoint, LiveRule } from '../../shared/routing/explain/explanation.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

/** What this worker would do with a request now. Nothing of it is done, and nothing changes. */
export function liveRule(snapshot: Snapshot, request: AskedRequest, nowMs: number): LiveRule {
  const rule = snapshot.rulesFor(request.host)?.match(viewOf(request)) ?? null;
  const backends = rule?.backends ?? [];
  return {
    revision: snapshot.revision,
    rule: rule?.name ?? null,
    breaker: rule?.guard?.breaker.state ?? null,
    backends: backends.map((backend) => backend && liveCluster(backend.cluster, nowMs)),
  };
}

function liveCluster(cluster: Cluster<Endpoint>, nowMs: number): LiveCluster {
  const { endpoints, isPanicking } = cluster.candidates(nowMs);
  return {
    balancer: cluster.explain(),
    isPanicking,
    isKnown: cluster.isKnown,
    endpoints: cluster.endpoints.map((endpoint) => liveEndpoint(endpoint, endpoints.includes(endpoint), nowMs)),
  };
}

function liveEndpoint(endpoint: Endpoint, isCandidate: boolean, nowMs: number): LiveEndpoint {
  const { name, inFlight, latency, isHealthy, isEjected, breaker, backoffUntilMs } = endpoint;
  return {
    name,
    isCandidate,
    inFlight,
    latencyMs: latency?.isMeasured ? Math.round(latency.at(nowMs) * 100) / 100 : null,
    isHealthy,
    isEjected,
    breaker: breaker?.state ?? null,
    backoffMs: Math.max(0, Math.round(backoffUntilMs - nowMs)),
  };
}
