import type { ServiceLoad } from '../cluster/service-load.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import { pauseBeforeRetry } from './retry.ts';
import type { RuleBackend } from './rule.ts';

/** A pause that was asked for is kept by up to half of it more, so that not all come back at once (Envoy does the same). */
const mostOver = 0.5;

const none: readonly PooledEndpoint[] = [];

/** How often one request was tried, and whether number, time and budget allow another try. Whether it is safe is not asked here. */
export class Tries {
  count = 0;
  /** It came as another proxy's second try, or a later one: 1 when it did not. */
  came = 1;
  /** Tries that met a connection about to be closed: they count for nothing, but there is one at most. */
  #stale = 0;
  /** The endpoint of the last try, until somebody asks where the tries went: after most first ones nobody does. */
  #last: PooledEndpoint | null = null;
  #before: readonly PooledEndpoint[] = none;
  /** Where the request counts as one that is tried again; null when it is not. */
  #load: ServiceLoad | null = null;

  /** `came` is which try of another proxy's it is. */
  begin(came: number): void {
    this.count = this.#stale = 0;
    this.came = came;
    this.#last = null;
    this.#before = none;
  }

  /** No other try follows: the reply has begun, or the request is over. */
  end(): void {
    this.#load?.endRetry();
    this.#load = null;
  }

  /** Which try this is over all proxies on the way. */
  get number(): number {
    return Math.max(this.came, this.count - this.#stale);
  }

  /** The endpoints of the tries so far: another one goes elsewhere while there is somewhere else. */
  get endpoints(): readonly PooledEndpoint[] {
    if (this.#last !== null) this.#before = [...this.#before, this.#last];
    this.#last = null;
    return this.#before;
  }

  onStart(endpoint: PooledEndpoint): void {
    this.count++;
    this.#before = this.endpoints;
    this.#last = endpoint;
  }

  /**
   * Takes another try out of the budget; returns the pause before it in ms, or -1 when there is to be none. `askedMs` is the
   * pause that the last reply asked for.
   */
  another(backend: RuleBackend, cause: string, nowMs: number, requestAtMs: number, askedMs: number): number {
    const { retry, budget, stats, load } = backend;
    const counted = this.count - this.#stale;
    if (counted > retry.attempts || askedMs > retry.maxRetryAfterMs) return -1;
    const pauseMs = Math.max(pauseBeforeRetry(counted, retry), askedMs * (1 + Math.random() * mostOver));
    if (requestAtMs > 0 && nowMs + pauseMs >= requestAtMs) return -1;
    if (this.#load === null && !load.tryRetry()) return -1;
    this.#load ??= load;
    if (!budget.tryTake(nowMs)) {
      stats.onRetryRefused();
      return -1;
    }
    stats.onRetry(cause);
    return pauseMs;
  }

  /** Takes out of the budget a try in place of one that met a connection about to be closed; false when there is none. */
  anotherForStale({ budget, stats }: RuleBackend, nowMs: number): boolean {
    if (this.#stale > 0 || !budget.tryTake(nowMs)) return false;
    this.#stale = 1;
    this.#before = this.endpoints.slice(0, -1);
    stats.onRetry('stale_connection');
    return true;
  }
}
