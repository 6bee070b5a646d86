/**
 * Cuts an endpoint off after failures in a row.
 *
 *   closed --(N failures in a row)--> open --(openFor passed, one probe)--> half-open --success--> closed
 *                                      ^------------- failure, openFor doubled -------'
 */
export type BreakerState = 'closed' | 'half-open' | 'open';

export type BreakerSettings = {
  readonly consecutiveFailures: number;
  readonly openForMs: number;
  readonly maxOpenForMs: number;
};

/** Who writes down what becomes of a breaker. */
export type BreakerObserver = { onTransition(to: BreakerState): void; onRetired(): void };

export class Breaker {
  settings: BreakerSettings;
  #state: BreakerState = 'closed';
  #failures = 0;
  #isRetired = false;
  #openUntilMs = 0;
  #openForMs: number;
  readonly #observer: BreakerObserver;

  constructor(settings: BreakerSettings, observer: BreakerObserver) {
    this.settings = settings;
    this.#openForMs = settings.openForMs;
    this.#observer = observer;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Tells whether a request may go now; an open breaker lets one probe through when its time has passed. */
  isPassable(nowMs: number): boolean {
    return this.#state === 'closed' || (this.#state === 'open' && nowMs >= this.#openUntilMs);
  }

  /** When that changes by the mere passing of time (monotonic ms); Infinity when only a request's end changes it. */
  get passableAtMs(): number {
    return this.#state === 'open' ? this.#openUntilMs : Number.POSITIVE_INFINITY;
  }

  /** A request goes through; true when the breaker was open and this one is the probe. */
  onStart(): boolean {
    if (this.#state !== 'open') return false;
    this.#enter('half-open');
    return true;
  }

  /** Only the probe decides about a breaker that is not closed: others began before it opened. */
  onProbePassed(): void {
    if (this.#state !== 'half-open') return;
    this.#openForMs = this.settings.openForMs;
    this.#enter('closed');
  }

  /** A whole exchange went well. */
  onSuccess(): void {
    if (this.#state === 'closed') this.#failures = 0;
  }

  onFailure(nowMs: number, isProbe: boolean): void {
    if (isProbe && this.#state === 'half-open') {
      this.#openForMs = Math.min(this.#openForMs * 2, this.settings.maxOpenForMs);
      this.#open(nowMs);
    } else if (this.#state === 'closed' && ++this.#failures >= this.settings.consecutiveFailures) {
      this.#open(nowMs);
    }
  }

  /** The request ended without a verdict, for instance because the caller left: a probe is tried again at once. */
  onCancel(nowMs: number, isProbe: boolean): void {
    if (!isProbe || this.#state !== 'half-open') return;
    this.#openUntilMs = nowMs;
    this.#enter('open');
  }

  /** Its endpoint or policy is gone: nobody hears of it any more, though exchanges may still end. */
  retire(): void {
    this.#isRetired = true;
    this.#observer.onRetired();
  }

  #open(nowMs: number): void {
    this.#openUntilMs = nowMs + this.#openForMs;
    this.#failures = 0;
    this.#enter('open');
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    if (!this.#isRetired) this.#observer.onTransition(state);
  }
}
