import { EdfSchedule, firstDeadlines } from '../edf-schedule.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Balancer } from './balancer.ts';

/** Each endpoint in turn, as often as its weight says and evenly spread. */
export class WeightedRoundRobin<E extends Endpoint> implements Balancer<E> {
  readonly #endpoints: readonly E[];
  readonly #weights: Float64Array;
  readonly #turns: EdfSchedule;

  constructor(endpoints: readonly E[], weights: Float64Array, random: () => number) {
    this.#endpoints = endpoints;
    this.#weights = weights;
    this.#turns = new EdfSchedule(firstDeadlines(weights, random));
  }

  pick(): E | undefined {
    const place = this.#turns.next;
    if (place === undefined) return undefined;
    this.#turns.takeTurn(1 / this.#weights[place]!);
    return this.#endpoints[place];
  }
}
