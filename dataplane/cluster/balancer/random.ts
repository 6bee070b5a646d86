import type { Endpoint } from '../endpoint.ts';
import { WeightedDraw } from '../weighted-draw.ts';
import type { Balancer } from './balancer.ts';

/** Any endpoint, in proportion to its weight. */
export class Random<E extends Endpoint> implements Balancer<E> {
  readonly #endpoints: readonly E[];
  readonly #draw: WeightedDraw;

  constructor(endpoints: readonly E[], weights: Float64Array, random: () => number) {
    this.#endpoints = endpoints;
    this.#draw = new WeightedDraw(weights, random);
  }

  pick(): E | undefined {
    return this.#endpoints.length === 0 ? undefined : this.#endpoints[this.#draw.draw()];
  }
}
