import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { anyPort } from '../message/request-head.ts';
import type { Balancer } from './balancer/balancer.ts';
import type { Endpoint } from './endpoint.ts';

/** The endpoints that a backend may go to: those of a service, or of a subset of it. */
export class Cluster<E extends Endpoint> {
  readonly service: string;
  readonly endpoints: readonly E[];
  readonly #balancer: Balancer<E>;
  readonly #whenEmpty: ErrorCode;
  #searchStart = 0;

  /** `whenEmpty` is what requests are told when there are no endpoints. */
  constructor(service: string, endpoints: readonly E[], balancer: Balancer<E>, whenEmpty: ErrorCode = 'no_endpoint') {
    this.service = service;
    this.endpoints = endpoints;
    this.#balancer = balancer;
    this.#whenEmpty = whenEmpty;
  }

  /**
   * The endpoint for one try, or the reason why there is none. `avoid` is the one that just failed: another is taken if
   * there is any. When all are unhealthy or unreachable one of them is tried all the same (panic routing), but a
   * breaker that is open is respected.
   */
  pick(avoid: E | null, nowMs: number): E | ErrorCode {
    const choice = this.#balancer.pick();
    if (choice === undefined) return this.#whenEmpty;
    if (choice !== avoid && choice.isAvailable(nowMs)) return choice;
    return this.#search(this.endpoints, avoid, nowMs);
  }

  /** The endpoint for one try at a tunnel: one in turn of those that have the port, or as for a request where any will do. */
  pickForTunnel(port: number, avoid: E | null, nowMs: number): E | ErrorCode {
    if (port === anyPort || this.endpoints.length === 0) return this.pick(avoid, nowMs);
    const endpoints = this.endpoints.filter((endpoint) => endpoint.port === port);
    return endpoints.length === 0 ? 'port_not_served' : this.#search(endpoints, avoid, nowMs);
  }

  #search(endpoints: readonly E[], avoid: E | null, nowMs: number): E | ErrorCode {
    const count = endpoints.length;
    const start = this.#searchStart++ % count;
    let panic: E | null = null;
    for (let i = 0; i < count; i++) {
      const endpoint = endpoints[(start + i) % count]!;
      if (endpoint === avoid) continue;
      if (endpoint.isAvailable(nowMs)) return endpoint;
      if (panic === null && (endpoint.breaker === null || endpoint.breaker.isPassable(nowMs))) panic = endpoint;
    }
    if (avoid?.isAvailable(nowMs)) return avoid;
    if (panic !== null) return panic;
    return avoid !== null && (avoid.breaker === null || avoid.breaker.isPassable(nowMs)) ? avoid : 'breaker_open';
  }
}
