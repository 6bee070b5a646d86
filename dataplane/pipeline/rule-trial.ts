import type { Breaker, BreakerCause } from '../cluster/breaker/breaker.ts';
import { BreakerPass } from '../cluster/breaker/breaker-pass.ts';

/** One request as the breaker of its rule hears of it: by the last try, whose outcome is what the caller gets. */
export class RuleTrial {
  readonly #pass = new BreakerPass();
  /** Of the last try; null while it has not failed. */
  #failure: 'failure' | 'rate-limited' | null = null;

  /** Null where the rule has no breaker. */
  begin(breaker: Breaker | null): void {
    this.#failure = null;
    this.#pass.begin(breaker);
  }

  /** What the request has changed about the breaker last. */
  get cause(): BreakerCause | null {
    return this.#pass.cause;
  }

  onTry(): void {
    this.#failure = null;
  }

  onFailure(kind: 'failure' | 'rate-limited'): void {
    this.#failure = kind;
  }

  /** A reply has begun well. */
  onReply(nowMs: number): void {
    this.#pass.onReply(nowMs);
  }

  /** A reply that began well is whole. */
  onWhole(nowMs: number): void {
    this.#pass.settle('success', nowMs);
  }

  /** What the last try has brought is what the caller gets. */
  onPassedOn(nowMs: number): void {
    if (this.#failure !== null) this.#pass.settle(this.#failure, nowMs);
  }

  end(nowMs: number): void {
    this.onPassedOn(nowMs);
    this.#pass.end();
    this.#pass.begin(null);
  }
}
