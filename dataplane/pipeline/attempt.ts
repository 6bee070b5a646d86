import type { BreakerCause } from '../cluster/breaker/breaker.ts';
import { BreakerPass } from '../cluster/breaker/breaker-pass.ts';
import type { ConcurrencyLimit } from '../cluster/concurrency/concurrency-limit.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import type { RuleTrial } from './rule-trial.ts';

const tooManyRequests = 429;

/**
 * One try as its endpoint hears of it: the count of requests under way, how long the reply took, and one verdict for
 * breaker and outlier detection. The breaker of the rule hears of it through the request's trial.
 */
export class Attempt<E extends Endpoint> {
  endpoint: E | null = null;
  startMs = 0;
  /** The endpoint counts it. */
  isOpen = false;
  /** Null while another try is the one whose outcome the caller gets. */
  #trial: RuleTrial | null;
  readonly #pass = new BreakerPass();
  /** There is a verdict: a 5xx that breaks off later is one failure, not two. */
  #isJudged = false;
  /** Its latency was measured: what comes later is the length of a stream. */
  #hasReplied = false;
  /** Where its reply is waited for; null where that is not bounded, and when the reply is here. */
  #concurrency: ConcurrencyLimit | null = null;
  /** The head of the reply is here, but says nothing: gRPC gives the status of a call at its end. */
  #awaitsStatus = false;

  constructor(trial: RuleTrial | null = null) {
    this.#trial = trial;
  }

  /** What the try, or its request, has changed about a breaker last. */
  get breakerCause(): BreakerCause | null {
    return (this.endpoint === null ? null : this.#pass.cause) ?? this.#trial?.cause ?? null;
  }

  begin(endpoint: E, nowMs: number): void {
    this.endpoint = endpoint;
    this.startMs = nowMs;
    this.isOpen = true;
    endpoint.inFlight++;
    endpoint.load.requests++;
    this.#concurrency = endpoint.concurrency;
    this.#concurrency?.onStart();
    this.#pass.begin(endpoint.breaker);
    this.#trial?.onTry();
    this.#isJudged = false;
    this.#hasReplied = false;
    this.#awaitsStatus = false;
  }

  /** This is the try now whose outcome the caller gets. */
  join(trial: RuleTrial): void {
    this.#trial = trial;
    trial.onTry();
  }

  /** A reply's head is here. That of a call of gRPC proves nothing yet, unless it is one of HTTP's failures. */
  onHead(status: number, nowMs: number, isCall: boolean): void {
    if (!isCall || status >= 500 || status === tooManyRequests) return this.onStatus(status, nowMs);
    this.#measure(false, nowMs);
    this.#awaitsStatus = true;
  }

  /** Bytes of the reply's body are here: a call that has answered so much got through. */
  onBody(nowMs: number): void {
    if (!this.#awaitsStatus) return;
    this.#awaitsStatus = false;
    this.#onReply(nowMs);
  }

  /**
   * The status is known: a 5xx is a failure at once, anything else proves that a probe got through. May be told again of a
   * status that comes in a reply's last fields.
   */
  onStatus(status: number, nowMs: number): void {
    const isFailure = status >= 500;
    this.#measure(isFailure || status === tooManyRequests, nowMs);
    this.#awaitsStatus = false;
    if (isFailure && !this.#isJudged) {
      this.#onFailure(nowMs);
      this.endpoint!.outlier?.onStatus(status, nowMs);
    } else if (status === tooManyRequests) this.#onRateLimited(nowMs);
    else this.#onReply(nowMs);
  }

  /** The protocol was switched. How a tunnel ends is no verdict: clients and servers just hang up. */
  onUpgrade(nowMs: number): void {
    this.#leaveQueue();
    this.#onReply(nowMs);
    this.onWhole(nowMs);
    this.#isJudged = true;
  }

  /** The reply is whole. */
  onWhole(nowMs: number): void {
    if (this.#isJudged) return;
    this.#pass.settle('success', nowMs);
    this.#trial?.onWhole(nowMs);
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
    const endpoint = this.endpoint!;
    endpoint.inFlight--;
    endpoint.load.requests--;
    if (hasFailed && !this.#isJudged) {
      this.#measure(true, nowMs);
      this.#onFailure(nowMs);
      endpoint.outlier?.onLocalOriginFailure(nowMs);
    }
    this.#pass.end();
    this.#leaveQueue();
  }

  #onFailure(nowMs: number): void {
    this.#isJudged = true;
    this.#pass.settle('failure', nowMs);
    this.#trial?.onFailure('failure');
  }

  #onRateLimited(nowMs: number): void {
    this.#pass.settle('rate-limited', nowMs);
    this.#trial?.onFailure('rate-limited');
  }

  #onReply(nowMs: number): void {
    if (this.#isJudged) return;
    this.#pass.onReply(nowMs);
    this.#trial?.onReply(nowMs);
  }

  /** How long it waited for its reply is nothing to go by. */
  #leaveQueue(): void {
    this.#concurrency?.onCancel();
    this.#concurrency = null;
  }

  #measure(isFailure: boolean, nowMs: number): void {
    const { latency } = this.endpoint!;
    const tookMs = nowMs - this.startMs;
    if (this.#concurrency !== null) {
      if (isFailure) this.#concurrency.onFailure(tookMs, nowMs);
      else this.#concurrency.onReply(tookMs, nowMs);
      this.#concurrency = null;
    }
    if (latency === null) return;
    if (isFailure) latency.onFailure(tookMs, nowMs);
    else if (!this.#hasReplied) latency.onReply(tookMs, nowMs);
    this.#hasReplied = true;
  }
}
