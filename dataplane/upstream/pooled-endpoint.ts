import type { Labels } from '../../shared/resources/resource.ts';
import { Endpoint } from '../cluster/endpoint.ts';
import { type Connect, Pool, type PoolSettings } from './pool.ts';

/** An endpoint and the worker's connections to it. */
export class PooledEndpoint extends Endpoint {
  readonly pool: Pool;

  constructor(
    name: string,
    address: string,
    port: number,
    labels: Labels,
    settings: PoolSettings,
    connect: Connect,
    now: () => number,
  ) {
    super(name, address, port, labels);
    this.pool = new Pool(this, settings, connect, now);
  }
}
