import type { Endpoint } from '../cluster/endpoint.ts';

export type BackoffSettings = { readonly backoffMs: number; readonly maxBackoffMs: number };

/** How long an endpoint is avoided that could not be reached; twice as long each time. */
export class Reachability {
  readonly #endpoint: Endpoint;
  readonly #now: () => number;
  #failures = 0;

  constructor(endpoint: Endpoint, now: () => number) {
    this.#endpoint = endpoint;
    this.#now = now;
  }

  /**
   * The endpoint takes requests: it need not be avoided, unless it asked for that itself, and its next failure is the first
   * one again.
   */
  onReached(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#endpoint.avoidUntil(0);
  }

  /**
   * No connection could be made, or the proxy there could make none to its application: the endpoint is avoided for a
   * while. Failures within that time are of requests that were on their way before and do not make it longer.
   */
  onUnreachable({ backoffMs, maxBackoffMs }: BackoffSettings): void {
    const nowMs = this.#now();
    if (nowMs < this.#endpoint.backoffUntilMs) return;
    const pauseMs = Math.min(backoffMs * 2 ** Math.min(this.#failures++, 20), maxBackoffMs);
    this.#endpoint.avoidUntil(nowMs + pauseMs);
  }
}
