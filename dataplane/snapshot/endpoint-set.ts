import { Breaker } from '../cluster/breaker/breaker.ts';
import type { BreakerSettings } from '../cluster/breaker/breaker-settings.ts';
import { ConcurrencyLimit, type ConcurrencySettings } from '../cluster/concurrency/concurrency-limit.ts';
import type { EndpointTraits } from '../cluster/endpoint.ts';
import { LatencyEstimate, type LatencySettings } from '../cluster/latency-estimate.ts';
import { type Place, PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import { breakerStats } from './breaker-stats.ts';
import type { CompileContext } from './compile.ts';
import { concurrencyGauge } from './load-stats.ts';
import type { ServiceSettings } from './service-settings.ts';

/** The endpoints of a snapshot: those of the one before whose address stays, brought up to date, and new ones. */
export class EndpointSet {
  readonly byKey = new Map<string, PooledEndpoint>();
  readonly #before: ReadonlyMap<string, PooledEndpoint>;
  readonly #context: CompileContext;

  constructor(before: ReadonlyMap<string, PooledEndpoint> | undefined, context: CompileContext) {
    this.#before = before ?? new Map();
    this.#context = context;
  }

  add(service: string, place: Place, traits: Required<EndpointTraits>, settings: ServiceSettings): PooledEndpoint {
    const { name, address, port, protocol, workers } = place;
    const key = `${service} ${name} ${address} ${port} ${protocol} ${workers}`;
    let endpoint = this.#before.get(key);
    if (endpoint) {
      endpoint.labels = traits.labels;
      endpoint.weight = traits.weight;
      endpoint.pool.settings = settings.pool;
    } else {
      endpoint = new PooledEndpoint(place, traits, settings.pool, this.#context.makePool);
    }
    this.#setBreaker(service, endpoint, settings.breaker);
    this.#setLatency(endpoint, settings.balancing.latency);
    this.#setConcurrency(service, endpoint, settings.concurrency);
    this.byKey.set(key, endpoint);
    return endpoint;
  }

  #setBreaker(service: string, endpoint: PooledEndpoint, settings: BreakerSettings | null): void {
    const { breaker, name, changes } = endpoint;
    if (settings === null) {
      breaker?.retire();
      endpoint.breaker = null;
    } else if (breaker) breaker.follow(settings);
    else {
      const { metrics, onBreaker, random } = this.#context;
      const observer = breakerStats(metrics, { service, instance: name }, onBreaker);
      endpoint.breaker = new Breaker(settings, { observer, changes, random });
    }
  }

  #setLatency(endpoint: PooledEndpoint, settings: LatencySettings | null): void {
    if (settings === null) endpoint.latency = null;
    else if (endpoint.latency) endpoint.latency.settings = settings;
    else endpoint.latency = new LatencyEstimate(settings, this.#context.now());
  }

  #setConcurrency(service: string, endpoint: PooledEndpoint, settings: ConcurrencySettings | null): void {
    const { concurrency, name } = endpoint;
    if (settings === null) {
      concurrency?.retire();
      endpoint.concurrency = null;
    } else if (concurrency) concurrency.settings = settings;
    else {
      const { metrics, random, now } = this.#context;
      const onLimit = concurrencyGauge(metrics, service, name);
      endpoint.concurrency = new ConcurrencyLimit(settings, { random, onLimit }, now());
    }
  }

  /** Lets go of those that are not here any more. */
  closeGone(): void {
    for (const [key, endpoint] of this.#before) {
      if (this.byKey.has(key)) continue;
      endpoint.pool.close();
      endpoint.breaker?.retire();
      endpoint.concurrency?.retire();
    }
  }
}
