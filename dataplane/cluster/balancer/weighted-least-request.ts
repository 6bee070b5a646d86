import { EdfSchedule, firstDeadlines } from '../edf-schedule.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Balancer } from './balancer.ts';

/**
 * Round robin by weights that shrink with the load: each request under way puts an endpoint's next turn off by as much
 * again. What Envoy does where weights differ, because two choices among unequal endpoints would not keep their shares.
 */
export class WeightedLeastRequest<E extends Endpoint> implements Balancer<E> {
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
    const endpoint = this.#endpoints[place]!;
    this.#turns.takeTurn((endpoint.inFlight + 1) / this.#weights[place]!);
    return endpoint;
  }
}
