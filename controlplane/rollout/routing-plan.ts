/** Says which of some requests a change of the configuration would send elsewhere. */

import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Labels } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { AskedRequest } from '../../shared/routing/explain/asked-request.ts';
import { RouteFinder, replyOf } from '../../shared/routing/explain/route-finder.ts';
import type { Workload } from '../../shared/routing/source.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Effect } from '../catalog/change.ts';

export type RecordedRequest = { readonly request: AskedRequest; readonly caller: Workload };

/** What becomes of a request. */
export type Decision = {
  /** Route and rule, as metrics and traces name them; null when none holds. */
  readonly rule: string | null;
  /** What the proxy answers itself; null when the request goes to a backend. */
  readonly reply: { readonly code: string; readonly status: number } | null;
  readonly backends: readonly { readonly service: string; readonly labels: Labels; readonly percent: number }[];
};

export type Rerouted = {
  /** Which of the requests, from 0 on. */
  readonly index: number;
  readonly before: Decision;
  readonly after: Decision;
};

const requestsPerTurn = 50;

/** The requests that go elsewhere with the effects of a dry run. Others are served between every fifty of them. */
export async function reroutedBy(
  effects: readonly Effect[],
  catalog: Catalog,
  requests: readonly RecordedRequest[],
): Promise<Rerouted[]> {
  const [before, after] = [new RouteFinder(routingOf(catalog, [])), new RouteFinder(routingOf(catalog, effects))];
  const rerouted: Rerouted[] = [];
  for (const [index, one] of requests.entries()) {
    if (index % requestsPerTurn === 0) await turn();
    const decisions = { before: decide(before, one), after: decide(after, one) };
    if (!isDeepStrictEqual(decisions.before, decisions.after)) rerouted.push({ index, ...decisions });
  }
  return rerouted;
}

/** Services and routes, with what the effects make of them. */
function routingOf(catalog: Catalog, effects: readonly Effect[]): AnyResource[] {
  const resources = new Map<string, AnyResource>();
  for (const kind of ['Service', 'Route'] as const)
    for (const resource of catalog.list(kind)) resources.set(`${kind}/${resource.name}`, resource);
  for (const { resource } of effects) {
    const { kind, name } = resource;
    if (kind !== 'Service' && kind !== 'Route') continue;
    // Which route is older decides between equals; one that is created now is the youngest.
    const created = resources.get(`${kind}/${name}`)?.status?.created ?? catalog.revision + 1;
    resources.set(`${kind}/${name}`, { ...resource, status: { created } });
  }
  return [...resources.values()];
}

function decide(finder: RouteFinder, { request, caller }: RecordedRequest): Decision {
  const { rule } = finder.find(request, caller);
  const backends = rule?.rule.backends ?? [];
  const there = backends.map(({ service, weight }) => ({ weight, isThere: finder.services.has(service) }));
  const reply = replyOf(rule, there);
  const total = backends.reduce((sum, { weight }) => sum + weight, 0);
  return {
    rule: rule?.name ?? null,
    reply,
    backends: backends
      .filter(({ weight }) => weight > 0)
      .map(({ service, labels = {}, weight }) => ({
        service,
        labels,
        percent: Math.round((1000 * weight) / total) / 10,
      })),
  };
}
