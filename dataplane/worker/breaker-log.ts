import { type TimerWheel, WheelTimer } from '../../shared/time/timer-wheel.ts';
import { type BreakerCause, stateAfter } from '../cluster/breaker/breaker.ts';
import type { BreakerOwner } from '../snapshot/breaker-stats.ts';

/** A change of a breaker, as it is logged. */
export type BreakerNotice = BreakerOwner & {
  readonly to: string;
  readonly cause: BreakerCause;
  /** Changes since the one logged before that are not. */
  readonly leftOut: number;
};

const pauseMs = 1000;

/** Tells of changes of breakers, of one a second at most: the first at once, later ones by the last of each second. */
export class BreakerLog {
  readonly #wheel: TimerWheel;
  readonly #now: () => number;
  readonly #send: (notice: BreakerNotice) => void;
  readonly #timer = new WheelTimer(() => this.#sendLast());
  #last: { readonly owner: BreakerOwner; readonly cause: BreakerCause } | null = null;
  #leftOut = 0;
  #nextMs = 0;

  constructor(wheel: TimerWheel, now: () => number, send: (notice: BreakerNotice) => void) {
    this.#wheel = wheel;
    this.#now = now;
    this.#send = send;
  }

  add(owner: BreakerOwner, cause: BreakerCause): void {
    if (this.#last !== null) this.#leftOut++;
    this.#last = { owner, cause };
    if (this.#now() >= this.#nextMs) this.#sendLast();
    else this.#wheel.arm(this.#timer, this.#nextMs);
  }

  #sendLast(): void {
    if (this.#last === null) return;
    const { owner, cause } = this.#last;
    this.#send({ ...owner, to: stateAfter[cause], cause, leftOut: this.#leftOut });
    this.#last = null;
    this.#leftOut = 0;
    this.#nextMs = this.#now() + pauseMs;
  }
}
