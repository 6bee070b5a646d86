import type { Endpoint } from '../endpoint.ts';
import type { Balancer } from './balancer.ts';

/** Each endpoint in turn, beginning at a place that differs between workers so that they do not march in step. */
export class RoundRobin<E extends Endpoint> implements Balancer<E> {
  readonly #endpoints: readonly E[];
  #next: number;

  constructor(endpoints: readonly E[], start: number) {
    this.#endpoints = endpoints;
    this.#next = endpoints.length > 0 ? start % endpoints.length : 0;
  }

  pick(): E | undefined {
    const endpoint = this.#endpoints[this.#next];
    if (++this.#next >= this.#endpoints.length) this.#next = 0;
    return endpoint;
  }
}
