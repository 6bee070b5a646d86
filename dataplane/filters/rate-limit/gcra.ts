/**
 * The generic cell rate algorithm (ITU-T I.371): a bucket is one number, the time at which the requests so far would have
 * come, had they come at the rate of the limit. A request may be ahead of that time by what the burst allows.
 *
 *        now                    arrival time
 *   ------|--------------------------|------------------|--------->
 *         '------- ahead ------------'-- one interval --'
 *         '----------- tolerance: (burst - 1) intervals --------'    passes while ahead <= tolerance
 *
 * It refuses and lets pass exactly what a token bucket does that is filled continuously, and there is nothing to fill.
 * Times are whole microseconds.
 */
export class Gcra {
  readonly #intervalUs: number;
  readonly #toleranceUs: number;
  /** Part of a microsecond that the steps so far were too short by: 0 up to 1. */
  #owedUs = 0;

  constructor(requests: number, perMs: number, burst: number) {
    this.#intervalUs = (perMs * 1000) / requests;
    this.#toleranceUs = Math.ceil((burst - 1) * this.#intervalUs);
  }

  /** Time until so many requests pass, for a bucket whose arrival time is ahead by so much; 0 when they pass now. */
  waitUs(aheadUs: number, requests = 1): number {
    const toleranceUs = requests === 1 ? this.#toleranceUs : this.#toleranceUs - (requests - 1) * this.#intervalUs;
    return aheadUs > toleranceUs ? aheadUs - toleranceUs : 0;
  }

  /** What requests that pass add to the arrival time: an interval each, as whole microseconds whose mean is exact. */
  stepUs(requests = 1): number {
    const exactUs = requests * this.#intervalUs + this.#owedUs;
    const wholeUs = Math.floor(exactUs);
    this.#owedUs = exactUs - wholeUs;
    return wholeUs;
  }
}
