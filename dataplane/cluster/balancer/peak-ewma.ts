import type { Endpoint } from '../endpoint.ts';
import { WeightedDraw } from '../weighted-draw.ts';
import type { Balancer } from './balancer.ts';

/** Draws of the second choice before the neighbour of the first is taken. */
const mostDraws = 4;

/**
 * The cheaper of two choices, where an endpoint costs its latency (`LatencyEstimate`) times the requests it has to finish,
 * this one included. Choices are drawn by weight, and load counts in proportion to it: endpoints that are equally quick
 * have their weights' shares, idle or busy.
 */
export class PeakEwma<E extends Endpoint> implements Balancer<E> {
  readonly #endpoints: readonly E[];
  /** Relative to their mean, so that weights that are all the same change nothing. */
  readonly #weights: Float64Array;
  readonly #draw: WeightedDraw;

  constructor(endpoints: readonly E[], weights: Float64Array, random: () => number) {
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
    this.#endpoints = endpoints;
    this.#weights = weights.map((weight) => weight / mean);
    this.#draw = new WeightedDraw(weights, random);
  }

  pick(_keyHash: number, nowMs: number): E | undefined {
    if (this.#endpoints.length < 2) return this.#endpoints[0];
    const first = this.#draw.draw();
    const second = this.#other(first);
    return this.#endpoints[this.#cost(first, nowMs) <= this.#cost(second, nowMs) ? first : second];
  }

  #other(first: number): number {
    for (let i = 0; i < mostDraws; i++) {
      const second = this.#draw.draw();
      if (second !== first) return second;
    }
    return (first + 1) % this.#endpoints.length;
  }

  #cost(place: number, nowMs: number): number {
    const { latency, inFlight } = this.#endpoints[place]!;
    return (latency === null ? 1 : latency.at(nowMs)) * (inFlight / this.#weights[place]! + 1);
  }
}
