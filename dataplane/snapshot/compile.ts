import type { SlotTable } from '../../observability/metrics/slots.ts';
import type { Fallback } from '../../shared/resources/breaker.ts';
import type { RuleHedge } from '../../shared/resources/hedge.ts';
import type { Labels } from '../../shared/resources/resource.ts';
import type { Backend, RouteRule } from '../../shared/resources/route.ts';
import type { InstanceResource } from '../../shared/resources/schema.ts';
import type { ServiceProtocol } from '../../shared/resources/service.ts';
import { routeEntries, routeOfService, ruleName, ruleOfService } from '../../shared/routing/route-entries.ts';
import { HostRoutes, RouteTable } from '../../shared/routing/route-table.ts';
import type { Workload } from '../../shared/routing/source.ts';
import { Changes } from '../cluster/changes.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { RetryBudget } from '../cluster/retry-budget.ts';
import { ServiceLoad } from '../cluster/service-load.ts';
import type { Buckets } from '../filters/rate-limit/buckets.ts';
import { fallbackReply } from '../message/local-reply.ts';
import { mirrorName } from '../pipeline/mirror-name.ts';
import { Mirroring } from '../pipeline/mirroring.ts';
import type { RetrySettings } from '../pipeline/retry.ts';
import { Rule, type RuleBackend, type RuleGuard } from '../pipeline/rule.ts';
import { Sessions } from '../pipeline/sessions.ts';
import { TrafficStats } from '../pipeline/traffic-stats.ts';
import type { MakePool, PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { OnBreaker } from './breaker-stats.ts';
import { buildCluster } from './build-cluster.ts';
import { buildRateLimits } from './build-rate-limits.ts';
import { EndpointSet } from './endpoint-set.ts';
import { hedgeSettings } from './hedge-settings.ts';
import { compileMirrors } from './mirroring.ts';
import type { OwnListeners } from './own-listeners.ts';
import type { ResourceStore } from './resource-store.ts';
import { retrySettings } from './retry-settings.ts';
import { RuleBreakers } from './rule-breakers.ts';
import { backendFilters, type FilteredRule, ruleFilters } from './rule-filters.ts';
import { applicationSettings, type ServiceSettings, serviceSettings, timeoutSettings } from './service-settings.ts';
import { type ServiceState, serviceState } from './service-state.ts';
import { type Clusters, Snapshot } from './snapshot.ts';

/** What compiling needs besides the resources. */
export type CompileContext = {
  readonly metrics: SlotTable;
  readonly makePool: MakePool;
  readonly now: () => number;
  readonly random: () => number;
  /** Retries are allowed per worker, so each gets its part of the floor. */
  readonly workers: number;
  readonly ownListeners: OwnListeners;
  readonly onBreaker: OnBreaker;
  readonly buckets: Buckets;
  /** The application behind inbound listeners. */
  readonly application: { readonly service: string; readonly address: string; readonly port: number } | null;
  /** Whose requests go out through this proxy. */
  readonly workload: Workload;
  /** Zone of this proxy, null when it does not know. */
  readonly zone: string | null;
};

const inboundRoute = '(inbound)';
const inboundEndpoint = '(application)';

/**
 * Turns resources into a snapshot. Endpoints whose address stays are taken over from the one before with their
 * connections and breaker; everything else is built anew, since building is cheap and sharing is not.
 */
export function compileSnapshot(
  store: ResourceStore,
  revision: number,
  before: Snapshot | null,
  context: CompileContext,
): Snapshot {
  const compiler = new Compiler(store, before, context);
  return compiler.compile(revision);
}

/** What a rule says in place of the policies of its backends. */
type RuleOverrides = FilteredRule &
  Pick<RouteRule, 'retry' | 'timeouts'> & {
    /** Null for none, whatever the service has. */
    readonly hedge?: RuleHedge | null | undefined;
  };

class Compiler {
  readonly #store: ResourceStore;
  readonly #before: Snapshot | null;
  readonly #context: CompileContext;
  readonly #endpoints: EndpointSet;
  readonly #breakers: RuleBreakers;
  readonly #byService = new Map<string, PooledEndpoint[]>();
  readonly #settings = new Map<string, ServiceSettings>();
  readonly #states = new Map<string, ServiceState>();
  readonly #clusters = new Map<string, Clusters>();
  /** Instances of the own service by zone: they call whom this proxy calls. */
  readonly #callers = new Map<string, number>();

  constructor(store: ResourceStore, before: Snapshot | null, context: CompileContext) {
    this.#store = store;
    this.#before = before;
    this.#context = context;
    this.#endpoints = new EndpointSet(before?.endpoints, context);
    this.#breakers = new RuleBreakers(before?.breakers, context);
  }

  compile(revision: number): Snapshot {
    for (const instance of this.#store.instances()) if (instance.spec.status === 'up') this.#addEndpoint(instance);
    const snapshot = new Snapshot({
      revision,
      routes: new RouteTable(
        routeEntries(this.#store.routes(), this.#context.workload, ({ name }, rule, index) =>
          this.#rule(name, rule, index),
        ),
      ),
      services: this.#serviceRules(),
      protocols: this.#protocols(),
      inbound: this.#inboundRule(),
      inboundProtocol: this.#inboundProtocol(),
      unmatched: { inbound: this.#stats('inbound', '', ''), outbound: this.#stats('outbound', '', '') },
      endpoints: this.#endpoints.byKey,
      states: this.#states,
      breakers: this.#breakers.byRule,
      clusters: this.#clusters,
    });
    this.#succeedUnknown();
    for (const [service, { choice, outliers }] of this.#states) {
      const endpoints = this.#byService.get(service) ?? [];
      choice.follow(endpoints);
      outliers?.follow(endpoints, this.#settingsOf(service).outliers!);
    }
    this.#closeGone();
    return snapshot;
  }

  #addEndpoint(instance: InstanceResource): void {
    const { name, labels } = instance;
    const { service, address, port, weight, workers = 1 } = instance.spec;
    const protocol = this.#store.wireProtocolAt(instance);
    const { changes, load } = this.#stateOf(service);
    const traits = { labels, weight, changes, load, nowMs: this.#context.now() };
    const place = { name, address, port, protocol, workers };
    const endpoint = this.#endpoints.add(service, place, traits, this.#settingsOf(service));
    const { zone } = endpoint;
    if (service === this.#context.application?.service) this.#callers.set(zone, (this.#callers.get(zone) ?? 0) + 1);
    const list = this.#byService.get(service);
    if (list) list.push(endpoint);
    else this.#byService.set(service, [endpoint]);
  }

  #rule(route: string, rule: RouteRule, index: number): Rule {
    const name = ruleName(route, rule, index);
    const backends = rule.backends.map((backend) => ({
      backend: this.#backend(route, name, backend, rule),
      weight: backend.weight,
    }));
    const { filters, matches } = rule;
    const mirrorOf = (mirror: Backend) =>
      this.#directBackend(mirrorName(route), mirrorName(name), mirror, { filters, matches, hedge: null });
    const mirrors = compileMirrors(rule.mirrors ?? [], { route, name }, mirrorOf, this.#context);
    const ownFilters = ruleFilters(rule, this.#context.random);
    const labels = { direction: 'outbound', service: '', route };
    return new Rule(name, backends, this.#start(), {
      mirroring: mirrors.length === 0 ? null : new Mirroring(mirrors),
      sessions: rule.sessionPersistence ? new Sessions(rule.sessionPersistence, backends) : null,
      limits: buildRateLimits(rule.rateLimits, name, labels, this.#context),
      guard: this.#guard(route, name, rule, backends),
      filters: ownFilters,
      stats: ownFilters !== null && backends.length === 0 ? this.#stats('outbound', '', route) : null,
    });
  }

  /** Null for a rule without a breaker, or with nothing that it could cut off. */
  #guard(
    route: string,
    name: string,
    { breaker: section, ...rule }: RouteRule,
    backends: readonly { readonly backend: RuleBackend | null }[],
  ): RuleGuard | null {
    const first = backends.find(({ backend }) => backend !== null)?.backend;
    if (section === undefined || !first) return null;
    const { service } = first.cluster;
    const parts = { service, endpoints: [], changes: new Changes(), whenEmpty: 'breaker_open' } as const;
    const cluster = this.#buildCluster(parts, this.#settingsOf(service));
    const fallback = this.#fallback(route, name, section.fallback, first.stats, rule);
    const breakerReply = fallbackReply(section.fallback);
    return {
      breaker: this.#breakers.of(name, section),
      cutOff: { ...first, cluster, tunnels: cluster, breakerReply, fallback },
    };
  }

  /** Null for a service that is not there. `name` is that of the rule. */
  #backend(route: string, name: string, backend: Backend, rule: RuleOverrides): RuleBackend | null {
    const direct = this.#directBackend(route, name, backend, rule);
    if (direct === null) return null;
    const { fallback } = this.#settingsOf(backend.service);
    return { ...direct, fallback: this.#fallback(route, name, fallback, direct.stats, rule) };
  }

  /** The service that stands in; what it takes still counts for the one that was asked. Nobody stands in for it in turn. */
  #fallback(
    route: string,
    name: string,
    fallback: Fallback | undefined,
    stats: TrafficStats,
    { filters, matches }: FilteredRule,
  ): RuleBackend | null {
    if (fallback?.service === undefined) return null;
    const where = { service: fallback.service, weight: 1 };
    const direct = this.#directBackend(route, name, where, { filters, matches });
    return direct && { ...direct, stats };
  }

  /** A backend without another service that stands in for it. */
  #directBackend(route: string, name: string, backend: Backend, rule: RuleOverrides): RuleBackend | null {
    const protocol = this.#store.protocolOf(backend.service);
    if (protocol === null) return null;
    const settings = this.#settingsOf(backend.service);
    const state = this.#stateOf(backend.service);
    return {
      ...this.#clustersOf(backend.service, backend.labels),
      speaksGrpc: protocol === 'grpc',
      hashKey: settings.balancing.hashKey,
      budget: state.budget,
      load: state.load,
      retry: rule.retry ? retrySettings(rule.retry) : settings.retry,
      hedge: hedgeSettings(rule.hedge === undefined ? settings.hedge : rule.hedge, name, state),
      timeouts: rule.timeouts ? timeoutSettings(rule.timeouts, settings.timeouts) : settings.timeouts,
      breakerReply: fallbackReply(settings.fallback),
      fallback: null,
      filters: backendFilters(rule, backend),
      stats: this.#stats('outbound', backend.service, route),
    };
  }

  #serviceRules(): Map<string, HostRoutes<Rule>> {
    const rules = new Map<string, HostRoutes<Rule>>();
    for (const { name } of this.#store.services()) {
      const rule = ruleOfService(name);
      const backend = this.#backend(routeOfService, routeOfService, rule.backends[0]!, rule);
      const compiled = new Rule(routeOfService, [{ backend, weight: 1 }], 0);
      rules.set(name, new HostRoutes([{ hostnames: [name], match: {}, rule: compiled, created: 0, name, place: 0 }]));
    }
    return rules;
  }

  #protocols(): Map<string, ServiceProtocol> {
    return new Map([...this.#store.services()].map(({ name, spec }) => [name, spec.protocol]));
  }

  /** What the application speaks: HTTP/1.1, as its service would by default, as long as nobody has said. */
  #inboundProtocol(): ServiceProtocol {
    const { application } = this.#context;
    return (application && this.#store.protocolOf(application.service)) ?? 'http1';
  }

  #inboundRule(): Rule | null {
    const { application } = this.#context;
    if (application === null) return null;
    const policies = this.#store.policiesOf(application.service);
    const settings = applicationSettings(policies);
    const { address, port } = application;
    const protocol = this.#store.wireProtocolOf(application.service);
    const place = { name: inboundEndpoint, address, port, protocol, workers: 1 };
    const traits = {
      labels: {},
      weight: 1,
      changes: new Changes(),
      load: new ServiceLoad(),
      nowMs: this.#context.now(),
    };
    const endpoint = this.#endpoints.add(application.service, place, traits, settings);
    const isOwn = this.#context.ownListeners.isReachedBy('inbound', application.address, application.port);
    const endpoints = isOwn ? [] : [endpoint];
    const noRetry: RetrySettings = { ...settings.retry, attempts: 0 };
    const cluster = this.#buildCluster(
      {
        service: application.service,
        endpoints,
        changes: endpoint.changes,
        load: endpoint.load,
        whenEmpty: 'loop_detected',
      },
      settings,
    );
    const backend: RuleBackend = {
      cluster,
      tunnels: cluster,
      speaksGrpc: this.#store.protocolOf(application.service) === 'grpc',
      hashKey: null,
      budget: new RetryBudget(settings.retryBudget),
      load: endpoint.load,
      retry: noRetry,
      hedge: null,
      timeouts: settings.timeouts,
      breakerReply: fallbackReply(undefined),
      fallback: null,
      filters: null,
      stats: this.#stats('inbound', application.service, inboundRoute),
    };
    const labels = { direction: 'inbound', service: application.service, route: inboundRoute };
    const specs = policies.find(({ spec }) => spec.rateLimits)?.spec.rateLimits;
    const limits = buildRateLimits(specs, application.service, labels, this.#context);
    return new Rule(inboundRoute, [{ backend, weight: 1 }], 0, { limits });
  }

  #clustersOf(service: string, labels: Labels | undefined): Clusters {
    const wanted = Object.entries(labels ?? {});
    const key = `${service} ${JSON.stringify(wanted.sort())}`;
    const known = this.#clusters.get(key);
    if (known) return known;
    const all = this.#byService.get(service) ?? [];
    const labelled = all.filter((endpoint) => wanted.every(([label, value]) => endpoint.labels[label] === value));
    const { ownListeners } = this.#context;
    const endpoints = labelled.filter(({ address, port }) => !ownListeners.isReachedBy('outbound', address, port));
    const isKnown = this.#store.knowsInstancesOf(service);
    const whenEmpty = labelled.length > 0 ? 'loop_detected' : isKnown ? 'no_endpoint' : 'endpoints_unknown';
    const { changes, load } = this.#stateOf(service);
    const settings = this.#settingsOf(service);
    const tunnels = this.#buildCluster({ service, endpoints, changes, load, whenEmpty }, settings);
    // What speaks no HTTP must not be sent any: its requests are refused with a word that says why.
    const isHttp = this.#store.protocolOf(service) !== 'tcp';
    const cluster = isHttp
      ? tunnels
      : this.#buildCluster({ service, endpoints: [], changes, whenEmpty: 'not_implemented' }, settings);
    const clusters = { cluster, tunnels };
    this.#clusters.set(key, clusters);
    return clusters;
  }

  #buildCluster(parts: Parameters<typeof buildCluster>[0], { balancing }: ServiceSettings): Cluster<PooledEndpoint> {
    return buildCluster(parts, balancing, this.#stateOf(parts.service), this.#context, this.#callers);
  }

  #stateOf(service: string): ServiceState {
    const known = this.#states.get(service);
    if (known) return known;
    const before = this.#before?.states.get(service) ?? null;
    const state = serviceState(service, before, this.#settingsOf(service), this.#context);
    this.#states.set(service, state);
    return state;
  }

  #settingsOf(service: string): ServiceSettings {
    const known = this.#settings.get(service);
    if (known) return known;
    const settings = serviceSettings(this.#store.policiesOf(service), this.#context.workers);
    this.#settings.set(service, settings);
    return settings;
  }

  /** Requests that wait for endpoints began with the snapshot before, and go on with these. */
  #succeedUnknown(): void {
    for (const [key, { cluster, tunnels }] of this.#before?.clusters ?? []) {
      const now = this.#clusters.get(key) ?? null;
      if (!cluster.isKnown) cluster.successor = now?.cluster ?? null;
      else if (!tunnels.isKnown) tunnels.successor = now?.tunnels ?? null;
    }
  }

  /** What the snapshot before has and this one has not. */
  #closeGone(): void {
    this.#endpoints.closeGone();
    this.#breakers.retireGone();
    for (const [service, { outliers }] of this.#before?.states ?? [])
      if (!this.#states.has(service)) outliers?.retire(this.#context.now());
  }

  #stats(direction: 'inbound' | 'outbound', service: string, route: string): TrafficStats {
    return new TrafficStats(this.#context.metrics, { direction, service, route });
  }

  #start(): number {
    return (this.#context.random() % 1000) / 1000;
  }
}
