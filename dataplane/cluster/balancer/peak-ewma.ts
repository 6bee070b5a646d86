import type { Endpoint } from '../endpoint.ts';
import { WeightedDraw } from '../weighted-draw.ts';
import type { Balancer } from './balancer.ts';

const mostChoices = 4;
/** Times what is usually paid, above which another choice is drawn. */
const dearFrom = 2;
/** Part of what is usually paid that each pick makes up. */
const freshness = 1 / 32;
/** Draws of a choice before it is the neighbour of the one it has to differ from. */
const mostDraws = 4;

/**
 * The cheaper of two choices, where an endpoint costs its latency (`LatencyEstimate`) times the requests it has to finish,
 * this one included. Choices are drawn by weight, and load counts in proportion to it: endpoints that are equally quick
 * have their weights' shares, idle or busy.
 *
 * While the best is clearly dearer than usual, a third and a fourth choice are drawn: of ten endpoints of which three are
 * in a bad way, two are both bad once in fifteen times, and a p99 consists of just these.
 */
export class PeakEwma<E extends Endpoint> implements Balancer<E> {
  readonly #endpoints: readonly E[];
  /** Relative to their mean, so that weights that are all the same change nothing. */
  readonly #weights: Float64Array;
  readonly #draw: WeightedDraw;
  /** 0 before the first pick. */
  #usualCost = 0;

  constructor(endpoints: readonly E[], weights: Float64Array, random: () => number) {
    const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
    this.#endpoints = endpoints;
    this.#weights = weights.map((weight) => weight / mean);
    this.#draw = new WeightedDraw(weights, random);
  }

  pick(_keyHash: number, nowMs: number): E | undefined {
    if (this.#endpoints.length < 2) return this.#endpoints[0];
    let best = this.#draw.draw();
    let cost = this.#costOf(best, nowMs);
    for (let choices = 1; choices < 2 || (choices < mostChoices && this.#isDear(cost)); choices++) {
      const other = this.#drawOther(best);
      const otherCost = this.#costOf(other, nowMs);
      if (otherCost >= cost) continue;
      best = other;
      cost = otherCost;
    }
    this.#usualCost = this.#usualCost === 0 ? cost : this.#usualCost + (cost - this.#usualCost) * freshness;
    return this.#endpoints[best];
  }

  #isDear(cost: number): boolean {
    return this.#usualCost > 0 && cost > dearFrom * this.#usualCost;
  }

  #drawOther(than: number): number {
    for (let i = 0; i < mostDraws; i++) {
      const place = this.#draw.draw();
      if (place !== than) return place;
    }
    return (than + 1) % this.#endpoints.length;
  }

  #costOf(place: number, nowMs: number): number {
    const { latency, inFlight } = this.#endpoints[place]!;
    return (latency === null ? 1 : latency.at(nowMs)) * (inFlight / this.#weights[place]! + 1);
  }
}
