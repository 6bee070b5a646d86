import { Endpoint, type EndpointTraits } from '../cluster/endpoint.ts';
import type { UpstreamProbe } from '../tcp/upstream-probe.ts';
import type { EndpointPool, PoolSettings } from './pool.ts';

/** What requests to an endpoint are spoken in. */
export type WireProtocol = 'http1' | 'http2';

/** Where an endpoint is, and what is there. */
export type Place = {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: WireProtocol;
  /** Threads that serve there, each with connections of its own. */
  readonly workers: number;
};

/** Makes the pool of an endpoint. */
export type MakePool = (endpoint: Endpoint, settings: PoolSettings, place: Place) => EndpointPool;

/** An endpoint and the worker's connections to it. */
export class PooledEndpoint extends Endpoint {
  readonly pool: EndpointPool;
  /** Asks whether the endpoint speaks first; null most of the time. */
  probe: UpstreamProbe | null = null;

  constructor(place: Place, traits: EndpointTraits, settings: PoolSettings, makePool: MakePool) {
    super(place.name, place.address, place.port, traits);
    this.pool = makePool(this, settings, place);
  }
}
