import { exponentialMs, type Simulation } from './simulation.ts';

export type ServerModel = {
  readonly kind: 'well' | 'slow' | 'failing' | 'limiting';
  /** Mean of the time that a request takes once it is worked on; exponentially distributed. */
  readonly meanMs: number;
  /** Requests that are worked on at once; others wait in line. */
  readonly slots: number;
  /** Answered at once with 503. */
  readonly fails?: boolean;
  /** Above so many requests a second it answers at once with 429. */
  readonly limitPerSecond?: number;
};

const refusalMs = 0.5;
/** Part of a second's requests that may come at once. */
const burst = 0.1;

/** One instance of the service. */
export class Server {
  readonly model: ServerModel;
  readonly #simulation: Simulation;
  readonly #random: () => number;
  /** Who waits in line. */
  readonly #line: ((status: number) => void)[] = [];
  #busy = 0;
  /** Requests that may come before the limit is reached, as of `#countedAtMs`. */
  #allowance: number;
  #countedAtMs = 0;
  /** Requests that came. */
  requests = 0;

  constructor(model: ServerModel, simulation: Simulation, random: () => number) {
    this.model = model;
    this.#simulation = simulation;
    this.#random = random;
    this.#allowance = (model.limitPerSecond ?? 0) * burst;
  }

  ask(onReply: (status: number) => void): void {
    this.requests++;
    if (this.model.fails) return this.#simulation.after(refusalMs, () => onReply(503));
    if (!this.#isWithinLimit()) return this.#simulation.after(refusalMs, () => onReply(429));
    if (this.#busy < this.model.slots) this.#work(onReply);
    else this.#line.push(onReply);
  }

  /** A token bucket. */
  #isWithinLimit(): boolean {
    const { limitPerSecond } = this.model;
    if (limitPerSecond === undefined) return true;
    const { nowMs } = this.#simulation;
    const earned = ((nowMs - this.#countedAtMs) / 1000) * limitPerSecond;
    this.#allowance = Math.min(limitPerSecond * burst, this.#allowance + earned);
    this.#countedAtMs = nowMs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }

  #work(onReply: (status: number) => void): void {
    this.#busy++;
    this.#simulation.after(exponentialMs(this.model.meanMs, this.#random), () => {
      this.#busy--;
      const next = this.#line.shift();
      if (next) this.#work(next);
      onReply(200);
    });
  }
}
