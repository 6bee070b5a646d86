import type { Endpoint } from './endpoint.ts';

export type Strategy = 'round-robin' | 'least-request' | 'peak-ewma';
/** What speaks for a strategy; the words stand in metrics. */
export type AdaptiveCause = 'unequal' | 'busy' | 'calm';

const strategyFor: Readonly<Record<AdaptiveCause, Strategy>> = {
  unequal: 'peak-ewma',
  busy: 'least-request',
  calm: 'round-robin',
};

const reviewEveryMs = 1000;
/** Times the median that the costliest endpoint costs: from here on latency decides, and below that no more. */
const unequalFrom = 2;
const unequalUntil = 1.5;
/** Mean requests under way on an endpoint: the same for load. */
const busyFrom = 1;
const busyUntil = 0.5;
/** Part of the mean that each review makes up. */
const freshness = 0.25;

/**
 * Which strategy suits a service now, by a rule that can be said in one breath: where endpoints differ (one is slow, or
 * fails, which counts as being slow), latency decides; where they are alike but busy, load does; otherwise they take
 * turns, which is the most even. Each bound has a lower one for the way back, so that nothing flutters. Endpoints are
 * compared by what they were last seen to cost: one that is avoided stays slow until it is seen to be quick again.
 */
export class AdaptiveChoice {
  cause: AdaptiveCause = 'busy';
  /** Mean requests under way on an endpoint, over some reviews. */
  #load = 0;
  /** Costs as of the last review, in ms. */
  #most = Number.NaN;
  #median = Number.NaN;
  #reviewAtMs = 0;
  #endpoints: readonly Endpoint[] = [];
  #costs = new Float64Array(0);
  readonly #onChange: (strategy: Strategy, cause: AdaptiveCause) => void;

  constructor(onChange: (strategy: Strategy, cause: AdaptiveCause) => void) {
    this.#onChange = onChange;
  }

  /** Looks at exactly these from now on. */
  follow(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.#costs = new Float64Array(endpoints.length);
  }

  /** The strategy in force and the figures that speak for it. */
  explain(): string {
    const [most, median, load] = [this.#most, this.#median, this.#load].map((figure) => figure.toFixed(1));
    return `${strategyFor[this.cause]}, ${this.cause}: the costliest ${most} ms, the median ${median} ms, ${load} requests under way on each`;
  }

  /** Looks at the endpoints again if it is time to. */
  review(nowMs: number): void {
    if (nowMs < this.#reviewAtMs) return;
    this.#reviewAtMs = nowMs + reviewEveryMs;
    this.#load += (this.#meanLoad() - this.#load) * freshness;
    this.#measureCosts();
    const cause = this.#judge(this.#most / this.#median);
    if (cause === this.cause) return;
    this.cause = cause;
    this.#onChange(strategyFor[cause], cause);
  }

  /** A spread that is no number means that too few were measured, and is not unequal. */
  #judge(spread: number): AdaptiveCause {
    if (spread >= (this.cause === 'unequal' ? unequalUntil : unequalFrom)) return 'unequal';
    return this.#load >= (this.cause === 'busy' ? busyUntil : busyFrom) ? 'busy' : 'calm';
  }

  #meanLoad(): number {
    let sum = 0;
    for (const { inFlight } of this.#endpoints) sum += inFlight;
    return sum / Math.max(1, this.#endpoints.length);
  }

  #measureCosts(): void {
    let count = 0;
    for (const { latency } of this.#endpoints) if (latency?.isMeasured) this.#costs[count++] = latency.lastMs;
    const costs = this.#costs.subarray(0, count).sort();
    this.#most = costs[count - 1] ?? Number.NaN;
    this.#median = costs[(count - 1) >> 1] ?? Number.NaN;
  }
}
