import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';

/** One try as its endpoint hears of it: the count of requests under way, and the verdict for the breaker. */
export class Attempt {
  endpoint: PooledEndpoint | null = null;
  startMs = 0;
  /** The endpoint counts it. */
  isOpen = false;
  /** It is the one that an open breaker let through. */
  #isProbe = false;
  /** The breaker has heard of it: a 5xx that breaks off later is one failure, not two. */
  #isJudged = false;

  begin(endpoint: PooledEndpoint, nowMs: number): void {
    this.endpoint = endpoint;
    this.startMs = nowMs;
    this.isOpen = true;
    endpoint.inFlight++;
    this.#isProbe = endpoint.breaker?.onStart() ?? false;
    this.#isJudged = false;
  }

  /** A reply's head is here: a 5xx is a failure at once, anything else proves that a probe got through. */
  onStatus(status: number, nowMs: number): void {
    const breaker = this.endpoint!.breaker;
    if (breaker === null) return;
    if (status >= 500) breaker.onFailure(nowMs, this.#isProbe);
    else if (this.#isProbe) breaker.onProbePassed();
    this.#isProbe = false;
    this.#isJudged = status >= 500;
  }

  /** The protocol was switched. How a tunnel ends is no verdict: clients and servers just hang up. */
  onUpgrade(): void {
    const { breaker } = this.endpoint!;
    if (this.#isProbe) breaker?.onProbePassed();
    else breaker?.onSuccess();
    this.#isProbe = false;
    this.#isJudged = true;
  }

  /** The reply is whole. */
  onWhole(): void {
    if (!this.#isJudged) this.endpoint!.breaker?.onSuccess();
  }

  /** It is over, and `hasFailed` tells that the endpoint is to be blamed. */
  end(hasFailed: boolean, nowMs: number): void {
    this.isOpen = false;
    const { breaker } = this.endpoint!;
    this.endpoint!.inFlight--;
    if (breaker === null) return;
    if (hasFailed && !this.#isJudged) breaker.onFailure(nowMs, this.#isProbe);
    else breaker.onCancel(nowMs, this.#isProbe);
  }
}
