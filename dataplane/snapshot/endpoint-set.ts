import { Breaker, type BreakerSettings } from '../cluster/breaker.ts';
import type { EndpointTraits } from '../cluster/endpoint.ts';
import { LatencyEstimate, type LatencySettings } from '../cluster/latency-estimate.ts';
import { type Place, PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import { breakerGauge } from './breaker-gauge.ts';
import type { CompileContext } from './compile.ts';
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
    this.byKey.set(key, endpoint);
    return endpoint;
  }

  #setBreaker(service: string, endpoint: PooledEndpoint, settings: BreakerSettings | null): void {
    const { breaker, name, changes } = endpoint;
    if (settings === null) {
      breaker?.retire();
      endpoint.breaker = null;
    } else if (breaker) breaker.settings = settings;
    else endpoint.breaker = new Breaker(settings, breakerGauge(this.#context.metrics, service, name, changes));
  }

  #setLatency(endpoint: PooledEndpoint, settings: LatencySettings | null): void {
    if (settings === null) endpoint.latency = null;
    else if (endpoint.latency) endpoint.latency.settings = settings;
    else endpoint.latency = new LatencyEstimate(settings, this.#context.now());
  }

  /** Lets go of those that are not here any more. */
  closeGone(): void {
    for (const [key, endpoint] of this.#before) {
      if (this.byKey.has(key)) continue;
      endpoint.pool.close();
      endpoint.breaker?.retire();
    }
  }
}
