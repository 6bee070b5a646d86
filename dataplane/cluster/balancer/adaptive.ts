import type { AdaptiveCause, AdaptiveChoice } from '../adaptive-choice.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Balancer } from './balancer.ts';

/** Whichever of three balancers suits the cluster now. */
export class Adaptive<E extends Endpoint> implements Balancer<E> {
  readonly #choice: AdaptiveChoice;
  readonly #balancers: Readonly<Record<AdaptiveCause, Balancer<E>>>;

  constructor(choice: AdaptiveChoice, balancers: Readonly<Record<AdaptiveCause, Balancer<E>>>) {
    this.#choice = choice;
    this.#balancers = balancers;
  }

  pick(keyHash: number, nowMs: number): E | undefined {
    this.#choice.review(nowMs);
    return this.#balancers[this.#choice.cause].pick(keyHash, nowMs);
  }
}
