import type { Breaker, BreakerCause, BreakerOutcome } from './breaker.ts';

/** One request on its way through a breaker, which hears one verdict of it at most. Reused for the next request. */
export class BreakerPass {
  /** Null where there is none, or when it has had its verdict. */
  #breaker: Breaker | null = null;
  #ticket = 0;
  /** What the request has changed about the breaker last; null when nothing. */
  cause: BreakerCause | null = null;

  begin(breaker: Breaker | null): void {
    this.#breaker = breaker;
    this.cause = null;
    if (breaker === null) return;
    if (breaker.state === 'open') this.cause = 'timeout';
    this.#ticket = breaker.onStart();
  }

  /** The reply has begun well. A probe is asked for no more than that: the end of its reply may be hours away. */
  onReply(nowMs: number): void {
    if (this.#breaker?.isProbe(this.#ticket)) this.settle('success', nowMs);
  }

  settle(outcome: BreakerOutcome, nowMs: number): void {
    const breaker = this.#breaker;
    if (breaker === null) return;
    this.#breaker = null;
    this.cause = breaker.settle(this.#ticket, outcome, nowMs) ?? this.cause;
  }

  /** The request is over; if nothing was said of it, nothing will be. */
  end(): void {
    this.#breaker?.giveBack(this.#ticket);
    this.#breaker = null;
  }
}
