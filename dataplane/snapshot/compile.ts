import type { SlotTable } from '../../observability/metrics/slots.ts';
import type { Labels } from '../../shared/resources/resource.ts';
import type { Backend, RouteRule } from '../../shared/resources/route.ts';
import type { ServiceProtocol } from '../../shared/resources/service.ts';
import type { RouteEntry } from '../../shared/routing/candidate.ts';
import { HostRoutes, matchesOf, RouteTable } from '../../shared/routing/route-table.ts';
import type { Balancer } from '../cluster/balancer/balancer.ts';
import { LeastRequest } from '../cluster/balancer/least-request.ts';
import { RoundRobin } from '../cluster/balancer/round-robin.ts';
import { Breaker } from '../cluster/breaker.ts';
import { Cluster } from '../cluster/cluster.ts';
import { RetryBudget } from '../cluster/retry-budget.ts';
import { fallbackReply, localReply } from '../pipeline/local-reply.ts';
import { type RetrySettings, Rule, type RuleBackend } from '../pipeline/rule.ts';
import { TrafficStats } from '../pipeline/traffic-stats.ts';
import { type MakePool, type Place, PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import { breakerGauge } from './breaker-gauge.ts';
import type { OwnListeners } from './own-listeners.ts';
import type { ResourceStore } from './resource-store.ts';
import {
  applicationSettings,
  retrySettings,
  type ServiceSettings,
  serviceSettings,
  timeoutSettings,
} from './service-settings.ts';
import { Snapshot } from './snapshot.ts';

/** What compiling needs besides the resources. */
export type CompileContext = {
  readonly metrics: SlotTable;
  readonly makePool: MakePool;
  readonly now: () => number;
  readonly random: () => number;
  /** Retries are allowed per worker, so each gets its part of the floor. */
  readonly workers: number;
  readonly ownListeners: OwnListeners;
  /** The application behind inbound listeners. */
  readonly application: { readonly service: string; readonly address: string; readonly port: number } | null;
};

const routeOfService = '(service)';
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

/** Where the requests and the tunnels to a service, or to a subset of it, may go. */
type Clusters = Pick<RuleBackend, 'cluster' | 'tunnels'>;

class Compiler {
  readonly #store: ResourceStore;
  readonly #before: Snapshot | null;
  readonly #context: CompileContext;
  readonly #endpoints = new Map<string, PooledEndpoint>();
  readonly #byService = new Map<string, PooledEndpoint[]>();
  readonly #settings = new Map<string, ServiceSettings>();
  readonly #budgets = new Map<string, RetryBudget>();
  readonly #clusters = new Map<string, Clusters>();

  constructor(store: ResourceStore, before: Snapshot | null, context: CompileContext) {
    this.#store = store;
    this.#before = before;
    this.#context = context;
  }

  compile(revision: number): Snapshot {
    for (const instance of this.#store.instances()) {
      const { service, address, port, status } = instance.spec;
      if (status !== 'up') continue;
      const protocol = this.#store.wireProtocolAt(instance);
      const place = { name: instance.name, address, port, protocol, workers: instance.spec.workers ?? 1 };
      const endpoint = this.#endpoint(place, instance.labels, service);
      const list = this.#byService.get(service);
      if (list) list.push(endpoint);
      else this.#byService.set(service, [endpoint]);
    }
    const snapshot = new Snapshot({
      revision,
      routes: new RouteTable(this.#routeEntries()),
      services: this.#serviceRules(),
      protocols: this.#protocols(),
      inbound: this.#inboundRule(),
      inboundProtocol: this.#inboundProtocol(),
      unmatched: { inbound: this.#stats('inbound', '', ''), outbound: this.#stats('outbound', '', '') },
      endpoints: this.#endpoints,
      budgets: this.#budgets,
    });
    this.#closeGone();
    return snapshot;
  }

  #routeEntries(): RouteEntry<Rule>[] {
    const entries: RouteEntry<Rule>[] = [];
    for (const route of this.#store.routes()) {
      let place = 0;
      route.spec.rules.forEach((rule, index) => {
        const compiled = this.#rule(route.name, rule, index);
        for (const match of matchesOf(rule.matches))
          entries.push({
            hostnames: route.spec.hostnames,
            match,
            rule: compiled,
            created: route.status?.created ?? 0,
            name: route.name,
            place: place++,
          });
      });
    }
    return entries;
  }

  #rule(route: string, rule: RouteRule, index: number): Rule {
    const backends = rule.backends.map((backend) => ({
      backend: this.#backend(route, backend, rule),
      weight: backend.weight,
    }));
    return new Rule(`${route}/${rule.name ?? index}`, backends, this.#start());
  }

  /** Null for a service that is not there. */
  #backend(route: string, backend: Backend, rule: RouteRule): RuleBackend | null {
    const protocol = this.#store.protocolOf(backend.service);
    if (protocol === null) return null;
    const settings = this.#settingsOf(backend.service);
    return {
      ...this.#clustersOf(backend.service, backend.labels),
      speaksGrpc: protocol === 'grpc',
      budget: this.#budget(backend.service, settings),
      retry: rule.retry ? retrySettings(rule.retry) : settings.retry,
      timeouts: rule.timeouts ? timeoutSettings(rule.timeouts, settings.timeouts) : settings.timeouts,
      breakerReply: settings.fallback ? fallbackReply(settings.fallback) : localReply('breaker_open'),
      stats: this.#stats('outbound', backend.service, route),
    };
  }

  #serviceRules(): Map<string, HostRoutes<Rule>> {
    const rules = new Map<string, HostRoutes<Rule>>();
    for (const { name } of this.#store.services()) {
      const rule: RouteRule = { matches: [], backends: [{ service: name, weight: 1 }] };
      const backend = this.#backend(routeOfService, rule.backends[0]!, rule);
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
    const settings = applicationSettings(this.#store.policiesOf(application.service));
    const { address, port } = application;
    const protocol = this.#store.wireProtocolOf(application.service);
    const place = { name: inboundEndpoint, address, port, protocol, workers: 1 };
    const endpoint = this.#endpoint(place, {}, application.service);
    const isOwn = this.#context.ownListeners.isReachedBy('inbound', application.address, application.port);
    const endpoints = isOwn ? [] : [endpoint];
    const noRetry: RetrySettings = { ...settings.retry, attempts: 0 };
    const cluster = new Cluster(application.service, endpoints, new RoundRobin(endpoints, 0), 'loop_detected');
    const backend: RuleBackend = {
      cluster,
      tunnels: cluster,
      speaksGrpc: this.#store.protocolOf(application.service) === 'grpc',
      budget: new RetryBudget(settings.retryBudget),
      retry: noRetry,
      timeouts: settings.timeouts,
      breakerReply: localReply('breaker_open'),
      stats: this.#stats('inbound', application.service, inboundRoute),
    };
    return new Rule(inboundRoute, [{ backend, weight: 1 }], 0);
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
    const whenEmpty = labelled.length > 0 ? 'loop_detected' : 'no_endpoint';
    const tunnels = new Cluster(service, endpoints, this.#balancer(service, endpoints), whenEmpty);
    // What speaks no HTTP must not be sent any: its requests are refused with a word that says why.
    const isHttp = this.#store.protocolOf(service) !== 'tcp';
    const cluster = isHttp ? tunnels : new Cluster(service, [], new RoundRobin([], 0), 'not_implemented');
    const clusters = { cluster, tunnels };
    this.#clusters.set(key, clusters);
    return clusters;
  }

  #balancer(service: string, endpoints: readonly PooledEndpoint[]): Balancer<PooledEndpoint> {
    switch (this.#settingsOf(service).loadBalancer.policy) {
      case 'round-robin':
        return new RoundRobin(endpoints, this.#context.random());
      case 'least-request':
        return new LeastRequest(endpoints, this.#context.random);
    }
  }

  #budget(service: string, settings: ServiceSettings): RetryBudget {
    let budget = this.#budgets.get(service);
    if (budget) return budget;
    const { percent, minPerSecond } = settings.retryBudget;
    const perWorker = { percent, minPerSecond: minPerSecond / this.#context.workers };
    budget = this.#before?.budgets.get(service) ?? new RetryBudget(perWorker);
    budget.settings = perWorker;
    this.#budgets.set(service, budget);
    return budget;
  }

  #settingsOf(service: string): ServiceSettings {
    const known = this.#settings.get(service);
    if (known) return known;
    const settings = serviceSettings(this.#store.policiesOf(service));
    this.#settings.set(service, settings);
    return settings;
  }

  /** The endpoint of an address: the one that is in use already, brought up to date, or a new one. */
  #endpoint(place: Place, labels: Labels, service: string): PooledEndpoint {
    const { name, address, port, protocol, workers } = place;
    const { pool, breaker } =
      name === inboundEndpoint ? applicationSettings(this.#store.policiesOf(service)) : this.#settingsOf(service);
    const key = `${name} ${address} ${port} ${protocol} ${workers}`;
    let endpoint = this.#before?.endpoints.get(key);
    if (endpoint) {
      endpoint.labels = labels;
      endpoint.pool.settings = pool;
    } else {
      endpoint = new PooledEndpoint(place, labels, pool, this.#context.makePool);
    }
    if (breaker === null) {
      endpoint.breaker?.retire();
      endpoint.breaker = null;
    } else if (endpoint.breaker) endpoint.breaker.settings = breaker;
    else endpoint.breaker = new Breaker(breaker, breakerGauge(this.#context.metrics, service, name));
    this.#endpoints.set(key, endpoint);
    return endpoint;
  }

  #closeGone(): void {
    for (const [key, endpoint] of this.#before?.endpoints ?? []) {
      if (this.#endpoints.has(key)) continue;
      endpoint.pool.close();
      endpoint.breaker?.retire();
    }
  }

  #stats(direction: 'inbound' | 'outbound', service: string, route: string): TrafficStats {
    return new TrafficStats(this.#context.metrics, { direction, service, route });
  }

  #start(): number {
    return (this.#context.random() % 1000) / 1000;
  }
}
