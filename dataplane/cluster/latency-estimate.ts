export type LatencySettings = {
  /** Time after which what was seen counts for 1/e of what is seen now. */
  readonly decayMs: number;
  /** What an endpoint is taken to need before its first reply. */
  readonly defaultMs: number;
  /** What a failure counts for, whatever time it took. */
  readonly failurePenaltyMs: number;
};

/** Below it latencies are alike, so that a long silence does not make an endpoint look as if it cost nothing. */
const floorMs = 0.1;

/**
 * What a request to an endpoint is likely to cost, in ms: a moving average that is quick to rise and slow to fall (peak
 * EWMA, as in Finagle and Linkerd), and forgets while nothing is heard, so that a slow endpoint is tried again.
 *
 * A failure counts as a reply that took `failurePenaltyMs`, but is averaged in and never taken for a peak: the estimate
 * then comes to latency + share of failures x penalty. Without it an endpoint that refuses at once would be the quickest of
 * all and attract every request; as a peak, one failure in a thousand would drive all requests to whoever has not had
 * its own yet.
 */
export class LatencyEstimate {
  settings: LatencySettings;
  /** A reply or a failure was seen; before that the default stands. */
  isMeasured = false;
  /** The estimate as it was at `#atMs`; between two events it decays. */
  #ms: number;
  #atMs: number;

  constructor(settings: LatencySettings, nowMs: number) {
    this.settings = settings;
    this.#ms = settings.defaultMs;
    this.#atMs = nowMs;
  }

  /** The estimate after the last event, in ms: what the endpoint was last seen to cost. */
  get lastMs(): number {
    return this.#ms;
  }

  /** The estimate as of now, in ms. */
  at(nowMs: number): number {
    return Math.max(floorMs, this.#ms * this.#remaining(nowMs));
  }

  /** The first reply replaces the default, which was only a guess. */
  onReply(latencyMs: number, nowMs: number): void {
    const remaining = this.#remaining(nowMs);
    const decayed = this.#ms * remaining;
    const isPeak = !this.isMeasured || latencyMs > decayed;
    this.#set(isPeak ? latencyMs : decayed + latencyMs * (1 - remaining), nowMs);
  }

  onFailure(latencyMs: number, nowMs: number): void {
    const remaining = this.#remaining(nowMs);
    const cost = Math.max(latencyMs, this.settings.failurePenaltyMs);
    this.#set(this.#ms * remaining + cost * (1 - remaining), nowMs);
  }

  #remaining(nowMs: number): number {
    return Math.exp((this.#atMs - nowMs) / this.settings.decayMs);
  }

  #set(ms: number, nowMs: number): void {
    this.#ms = ms;
    this.#atMs = nowMs;
    this.isMeasured = true;
  }
}
