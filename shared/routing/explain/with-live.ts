import type { ExplainedBackend, Explanation, LiveCluster, LiveRule } from './explanation.ts';

const notAskedFor = 'its instances were not asked for yet: the first request asks, and waits for the answer';

/** The explanation with what a worker said of its backends, which are those with a weight above 0, in order. */
export function withLive(explanation: Explanation, live: LiveRule, workers: number): Explanation {
  const { revision, breaker } = live;
  const clusters = live.backends.values();
  return {
    ...explanation,
    backends: explanation.backends.map((backend) =>
      backend.weight === 0 ? backend : backendWithLive(backend, clusters.next().value ?? null),
    ),
    live: { revision, workers, breaker },
  };
}

function backendWithLive(backend: ExplainedBackend, live: LiveCluster | null): ExplainedBackend {
  const byName = new Map(live?.endpoints.map((endpoint) => [endpoint.name, endpoint]));
  return {
    ...backend,
    endpoints: backend.endpoints.map((endpoint) => ({ ...endpoint, live: byName.get(endpoint.name) ?? null })),
    problem: live?.isKnown === false ? notAskedFor : backend.problem,
    live: live && { balancer: live.balancer, isPanicking: live.isPanicking, isKnown: live.isKnown },
  };
}
