import type { Endpoint } from '../cluster/endpoint.ts';

const tooManyRequests = 429;

/**
 * One try as its endpoint hears of it: the count of requests under way, how long the reply took, and one verdict for
 * breaker and outlier detection.
 */
export class Attempt<E extends Endpoint> {
  endpoint: E | null = null;
  startMs = 0;
  /** The endpoint counts it. */
  isOpen = false;
  /** It is the one that an open breaker let through. */
  #isProbe = false;
  /** There is a verdict: a 5xx that breaks off later is one failure, not two. */
  #isJudged = false;
  /** Its latency was measured: what comes later is the length of a stream. */
  #hasReplied = false;

  begin(endpoint: E, nowMs: number): void {
    this.endpoint = endpoint;
    this.startMs = nowMs;
    this.isOpen = true;
    endpoint.inFlight++;
    this.#isProbe = endpoint.breaker?.onStart() ?? false;
    this.#isJudged = false;
    this.#hasReplied = false;
  }

  /**
   * A reply's head is here: a 5xx is a failure at once, anything else proves that a probe got through. May be told again
   * of a status that comes in a reply's last fields.
   */
  onStatus(status: number, nowMs: number): void {
    this.#measure(status >= 500 || status === tooManyRequests, nowMs);
    const { breaker, outlier } = this.endpoint!;
    if (status >= 500 && !this.#isJudged) {
      breaker?.onFailure(nowMs, this.#isProbe);
      outlier?.onStatus(status, nowMs);
      this.#isJudged = true;
    } else if (this.#isProbe) breaker?.onProbePassed();
    this.#isProbe = false;
  }

  /** The protocol was switched. How a tunnel ends is no verdict: clients and servers just hang up. */
  onUpgrade(nowMs: number): void {
    const { breaker } = this.endpoint!;
    if (this.#isProbe) breaker?.onProbePassed();
    this.#isProbe = false;
    this.onWhole(nowMs);
    this.#isJudged = true;
  }

  /** The reply is whole. */
  onWhole(nowMs: number): void {
    if (this.#isJudged) return;
    this.endpoint!.breaker?.onSuccess();
    this.endpoint!.outlier?.onStatus(200, nowMs);
  }

  /** Another try had its reply first: that this one took at least so long is known, and nothing else. */
  lose(nowMs: number): void {
    this.#measure(false, nowMs);
    this.end(false, nowMs);
  }

  /** It is over, and `hasFailed` tells that the endpoint is to be blamed. */
  end(hasFailed: boolean, nowMs: number): void {
    this.isOpen = false;
    const { breaker, outlier } = this.endpoint!;
    this.endpoint!.inFlight--;
    if (hasFailed && !this.#isJudged) {
      this.#measure(true, nowMs);
      breaker?.onFailure(nowMs, this.#isProbe);
      outlier?.onLocalOriginFailure(nowMs);
    } else breaker?.onCancel(nowMs, this.#isProbe);
  }

  #measure(isFailure: boolean, nowMs: number): void {
    const { latency } = this.endpoint!;
    if (latency === null) return;
    if (isFailure) latency.onFailure(nowMs - this.startMs, nowMs);
    else if (!this.#hasReplied) latency.onReply(nowMs - this.startMs, nowMs);
    this.#hasReplied = true;
  }
}
