/** Bounds of what one worker has under way at a service; Infinity where there is none. */
export type LoadLimits = { readonly requests: number; readonly retries: number };

/** The bound that was met; the words stand in metrics. */
export type LoadLimit = 'requests' | 'retries' | 'concurrency' | 'connections' | 'pending';

const noLimits: LoadLimits = { requests: Number.POSITIVE_INFINITY, retries: Number.POSITIVE_INFINITY };

/** What one worker has under way at the endpoints of a service. */
export class ServiceLoad {
  limits: LoadLimits;
  /** Tries under way, those that wait for a connection included. */
  requests = 0;
  #retries = 0;
  readonly #onExceeded: (limit: LoadLimit) => void;

  constructor(limits: LoadLimits = noLimits, onExceeded: (limit: LoadLimit) => void = () => undefined) {
    this.limits = limits;
    this.#onExceeded = onExceeded;
  }

  get isFull(): boolean {
    return this.requests >= this.limits.requests;
  }

  /** Begins a retry, to be ended by `endRetry`; false when there are as many as there may be. */
  tryRetry(): boolean {
    if (this.#retries >= this.limits.retries) {
      this.#onExceeded('retries');
      return false;
    }
    this.#retries++;
    return true;
  }

  endRetry(): void {
    this.#retries--;
  }

  /** Counts a request that met a bound; returns what it is told. */
  refuse(limit: LoadLimit): 'overloaded' {
    this.#onExceeded(limit);
    return 'overloaded';
  }
}
