import type { ServiceLoad } from '../cluster/service-load.ts';
import { pauseBeforeRetry } from './retry.ts';
import type { RuleBackend } from './rule.ts';

/** How often one request was tried, and whether number, time and budget allow another try. Whether it is safe is not asked here. */
export class Tries {
  count = 0;
  /** Tries that met a connection about to be closed: they count for nothing, but there is one at most. */
  #stale = 0;
  /** Where the request counts as one that is tried again; null when it is not. */
  #load: ServiceLoad | null = null;

  begin(): void {
    this.count = this.#stale = 0;
  }

  /** No other try follows: the reply has begun, or the request is over. */
  end(): void {
    this.#load?.endRetry();
    this.#load = null;
  }

  /** Takes another try out of the budget; returns the pause before it in ms, or -1 when there is to be none. */
  another(backend: RuleBackend, cause: string, nowMs: number, requestAtMs: number): number {
    const { retry, budget, stats, load } = backend;
    const counted = this.count - this.#stale;
    if (counted > retry.attempts) return -1;
    const pauseMs = pauseBeforeRetry(counted, retry);
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
    stats.onRetry('stale_connection');
    return true;
  }
}
