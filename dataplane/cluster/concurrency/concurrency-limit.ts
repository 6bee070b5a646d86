import { LatencySamples } from './latency-samples.ts';

export type ConcurrencySettings = {
  readonly minLimit: number;
  readonly maxLimit: number;
  /** How much slower than at rest an endpoint may be without being taken for busy, in percent. */
  readonly bufferPercent: number;
  /** The latency of a window that stands for it, in percent of its requests. */
  readonly percentile: number;
  readonly updateIntervalMs: number;
  readonly measureIntervalMs: number;
};

export type ConcurrencyParts = {
  /** Unsigned 32-bit integers. */
  readonly random: () => number;
  /** Told each limit, that of measurements as well, and 0 at the end. */
  readonly onLimit: (limit: number) => void;
};

/** Samples that say something about a window, and those that a measurement takes. */
const fewestSamples = 10;
const measuredSamples = 20;
/** A measurement holds requests back for no longer than this. */
const longestMeasurementMs = 2000;
/** The limit is halved or doubled by one window at most. */
const leastGradient = 0.5;
const mostGradient = 2;

/**
 * Finds out how many requests an endpoint can work on at once: as many as it takes without becoming slower than it is at rest,
 * since more of them only wait there (the gradient of Netflix' concurrency-limits and Envoy's adaptive concurrency).
 *
 *   gradient = latency at rest x (1 + buffer) / latency of the last window
 *   limit    = limit x gradient + sqrt(limit)
 *
 * The root is a queue that is always allowed, and how a limit grows that could be higher. Latency at rest is measured: now
 * and then only `minLimit` requests are let through until a few of them are answered. A window in which no more were under way
 * is such a measurement by itself, so an endpoint with little to do is never held back.
 *
 * What counts as under way is a request that waits for the head of its reply: a stream that has begun is no load one could
 * tell by latency.
 */
export class ConcurrencyLimit {
  settings: ConcurrencySettings;
  readonly #random: () => number;
  #onLimit: (limit: number) => void;
  readonly #samples = new LatencySamples();
  #waiting = 0;
  #limit: number;
  /** Latency at rest in ms; 0 while it is not known. */
  #restMs = 0;
  /** Beginning of the window, or of the measurement. */
  #windowAtMs: number;
  #mostWaiting = 0;
  #isMeasuring = true;
  #measureUntilMs: number;
  #measureAtMs = 0;

  constructor(settings: ConcurrencySettings, { random, onLimit }: ConcurrencyParts, nowMs: number) {
    this.settings = settings;
    this.#random = random;
    this.#onLimit = onLimit;
    this.#limit = settings.minLimit;
    this.#windowAtMs = nowMs;
    this.#measureUntilMs = nowMs + longestMeasurementMs;
    onLimit(settings.minLimit);
  }

  /** Requests that may be under way at once. */
  limitAt(nowMs: number): number {
    return this.#isMeasuring && nowMs < this.#measureUntilMs ? this.settings.minLimit : Math.floor(this.#limit);
  }

  isFull(nowMs: number): boolean {
    return this.#waiting >= this.limitAt(nowMs);
  }

  /** A request is sent. */
  onStart(): void {
    this.#waiting++;
    if (this.#waiting > this.#mostWaiting) this.#mostWaiting = this.#waiting;
  }

  /** The head of its reply is here. */
  onReply(latencyMs: number, nowMs: number): void {
    this.#waiting--;
    if (this.#isMeasuring) return this.#measure(latencyMs, nowMs);
    this.#samples.add(latencyMs);
    // Half of the replies, or more, have to be to requests that were sent under the limit of the window.
    const windowMs = Math.max(this.settings.updateIntervalMs, 2 * this.#restMs);
    if (nowMs - this.#windowAtMs >= windowMs && this.#samples.count >= fewestSamples) this.#adapt(nowMs);
  }

  /** It failed: after a long time that tells as much as a reply, but a quick refusal tells nothing. */
  onFailure(latencyMs: number, nowMs: number): void {
    if (latencyMs > this.#restMs && this.#restMs > 0) this.onReply(latencyMs, nowMs);
    else this.#waiting--;
  }

  /** It ended without a word about the endpoint. */
  onCancel(): void {
    this.#waiting--;
  }

  /** Its endpoint or policy is gone, though requests may still end. */
  retire(): void {
    this.#onLimit(0);
    this.#onLimit = () => undefined;
  }

  #measure(latencyMs: number, nowMs: number): void {
    // Who was sent before may have waited behind others.
    if (nowMs - latencyMs >= this.#windowAtMs) this.#samples.add(latencyMs);
    const { count } = this.#samples;
    if (count < measuredSamples && nowMs < this.#measureUntilMs) return;
    if (count >= fewestSamples || (this.#restMs === 0 && count > 0)) this.#restMs = this.#latency;
    this.#isMeasuring = false;
    this.#planMeasurement(nowMs);
    this.#beginWindow(nowMs);
  }

  #adapt(nowMs: number): void {
    const latencyMs = this.#latency;
    const isAtRest = this.#mostWaiting <= this.settings.minLimit;
    if (isAtRest) this.#planMeasurement(nowMs);
    if (isAtRest || latencyMs < this.#restMs) this.#restMs = latencyMs;
    const next = this.#next(latencyMs);
    // A limit that nobody comes near is not known to be right, so it does not grow.
    if (next < this.#limit || this.#mostWaiting * 2 >= this.#limit) this.#limit = next;
    this.#isMeasuring = nowMs >= this.#measureAtMs;
    if (this.#isMeasuring) this.#measureUntilMs = nowMs + longestMeasurementMs;
    this.#beginWindow(nowMs);
  }

  #next(latencyMs: number): number {
    const { minLimit, maxLimit, bufferPercent } = this.settings;
    const gradient = (this.#restMs * (1 + bufferPercent / 100)) / latencyMs;
    const bounded = Math.min(mostGradient, Math.max(leastGradient, gradient));
    return Math.min(maxLimit, Math.max(minLimit, this.#limit * bounded + Math.sqrt(this.#limit)));
  }

  get #latency(): number {
    return Math.max(Number.EPSILON, this.#samples.percentile(this.settings.percentile));
  }

  /** At a moment of its own: all proxies at once would take away an endpoint's whole load. */
  #planMeasurement(nowMs: number): void {
    this.#measureAtMs = nowMs + this.settings.measureIntervalMs * (0.75 + this.#random() / 2 ** 33);
  }

  #beginWindow(nowMs: number): void {
    this.#windowAtMs = nowMs;
    this.#mostWaiting = this.#waiting;
    this.#samples.clear();
    this.#onLimit(this.limitAt(nowMs));
  }
}
