import type { ServiceProtocol } from '../../shared/resources/service.ts';
import type { HostRoutes, RouteTable } from '../../shared/routing/route-table.ts';
import type { Breaker } from '../cluster/breaker/breaker.ts';
import type { Rule, RuleBackend } from '../pipeline/rule.ts';
import type { TrafficStats } from '../pipeline/traffic-stats.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { ServiceState } from './service-state.ts';

/** Where the requests and the tunnels to a service, or to a subset of it, may go. */
export type Clusters = Pick<RuleBackend, 'cluster' | 'tunnels'>;

/** All that a worker needs to carry requests. Immutable: a change makes a new one and swaps the reference. */
export class Snapshot {
  readonly revision: number;
  /** Rules of the routes that users wrote. */
  readonly #routes: RouteTable<Rule>;
  /** The rule of each service that no route is written for. */
  readonly #services: ReadonlyMap<string, HostRoutes<Rule>>;
  /** What each service speaks. */
  readonly #protocols: ReadonlyMap<string, ServiceProtocol>;
  /** The rule of inbound listeners; null where no application was named. */
  readonly inbound: Rule | null;
  readonly inboundProtocol: ServiceProtocol;
  readonly unmatched: { readonly inbound: TrafficStats; readonly outbound: TrafficStats };
  readonly endpoints: ReadonlyMap<string, PooledEndpoint>;
  /** By service; handed on to the next snapshot. */
  readonly states: ReadonlyMap<string, ServiceState>;
  /** Of rules, by their names; handed on as well. */
  readonly breakers: ReadonlyMap<string, Breaker>;
  /** By service and labels: those whose endpoints nobody has told of have theirs from a later snapshot. */
  readonly clusters: ReadonlyMap<string, Clusters>;

  constructor(parts: {
    revision: number;
    routes: RouteTable<Rule>;
    services: ReadonlyMap<string, HostRoutes<Rule>>;
    protocols: ReadonlyMap<string, ServiceProtocol>;
    inbound: Rule | null;
    inboundProtocol: ServiceProtocol;
    unmatched: { inbound: TrafficStats; outbound: TrafficStats };
    endpoints: ReadonlyMap<string, PooledEndpoint>;
    states: ReadonlyMap<string, ServiceState>;
    breakers: ReadonlyMap<string, Breaker>;
    clusters: ReadonlyMap<string, Clusters>;
  }) {
    this.revision = parts.revision;
    this.#routes = parts.routes;
    this.#services = parts.services;
    this.#protocols = parts.protocols;
    this.inbound = parts.inbound;
    this.inboundProtocol = parts.inboundProtocol;
    this.unmatched = parts.unmatched;
    this.endpoints = parts.endpoints;
    this.states = parts.states;
    this.breakers = parts.breakers;
    this.clusters = parts.clusters;
  }

  /** Has outlier detection do what is due; returns when it is due again (monotonic ms), Infinity when it is nowhere on. */
  advanceOutliers(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { outliers } of this.states.values())
      if (outliers !== null) nextMs = Math.min(nextMs, outliers.advance(nowMs));
    return nextMs;
  }

  /** The rules for a host: those somebody wrote, be it for `*`, come before the one a service has by its name. */
  rulesFor(host: string): HostRoutes<Rule> | null {
    return this.#routes.named(host) ?? this.#routes.any ?? this.#services.get(host) ?? null;
  }

  /** The rule for connections that name a host and nothing else: the first one that asks for nothing else. */
  ruleFor(host: string): Rule | null {
    return this.rulesFor(host)?.unconditional ?? null;
  }

  /** The same for a service: routes for its name come before it, but not those for `*`, which were not written for it. */
  ruleOfService(service: string): Rule | null {
    return this.#routes.named(service)?.unconditional ?? this.#services.get(service)?.unconditional ?? null;
  }

  /** Null for a service that is not there. */
  protocolOf(service: string): ServiceProtocol | null {
    return this.#protocols.get(service) ?? null;
  }
}
