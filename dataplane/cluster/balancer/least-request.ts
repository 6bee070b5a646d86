import type { Endpoint } from '../endpoint.ts';
import type { Balancer } from './balancer.ts';

/** Power of two choices (Mitzenmacher 2001): the less loaded of two random endpoints. */
export class LeastRequest<E extends Endpoint> implements Balancer<E> {
  readonly #endpoints: readonly E[];
  readonly #random: () => number;

  /** `random` gives unsigned 32-bit integers. */
  constructor(endpoints: readonly E[], random: () => number) {
    this.#endpoints = endpoints;
    this.#random = random;
  }

  pick(): E | undefined {
    const count = this.#endpoints.length;
    if (count < 2) return this.#endpoints[0];
    const first = this.#random() % count;
    const second = (first + 1 + (this.#random() % (count - 1))) % count; // never equal to `first`
    const a = this.#endpoints[first]!;
    const b = this.#endpoints[second]!;
    return a.inFlight <= b.inFlight ? a : b;
  }
}
