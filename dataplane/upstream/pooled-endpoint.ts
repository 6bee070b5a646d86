import type { Labels } from '../../shared/resources/resource.ts';
import { Endpoint } from '../cluster/endpoint.ts';
import type { UpstreamProbe } from '../tcp/upstream-probe.ts';
import type { EndpointPool, PoolSettings } from './pool.ts';

/** What requests to an endpoint are spoken in. */
export type WireProtocol = 'http1' | 'http2';

/** Makes the pool of an endpoint. */
export type MakePool = (endpoint: Endpoint, settings: PoolSettings, protocol: WireProtocol) => EndpointPool;

/** An endpoint and the worker's connections to it. */
export class PooledEndpoint extends Endpoint {
  readonly pool: EndpointPool;
  /** Asks whether the endpoint speaks first; null most of the time. */
  probe: UpstreamProbe | null = null;

  constructor(
    at: { readonly name: string; readonly address: string; readonly port: number; readonly protocol: WireProtocol },
    labels: Labels,
    settings: PoolSettings,
    makePool: MakePool,
  ) {
    super(at.name, at.address, at.port, labels);
    this.pool = makePool(this, settings, at.protocol);
  }
}
