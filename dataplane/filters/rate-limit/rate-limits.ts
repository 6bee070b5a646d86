import type { Caller } from '../../message/caller.ts';
import type { RequestHead } from '../../message/request-head.ts';
import type { Buckets } from './buckets.ts';
import type { RateLimit } from './rate-limit.ts';

/** The limits of a rule. */
export class RateLimits {
  readonly #limits: readonly RateLimit[];
  readonly #buckets: Buckets;

  constructor(limits: readonly RateLimit[], buckets: Buckets) {
    this.#limits = limits;
    this.#buckets = buckets;
  }

  /** The first limit that refuses a request, null when it may pass. Limits before that one have counted it. */
  refusalOf(head: RequestHead, caller: Caller, nowMs: number): RateLimit | null {
    const timeUs = this.#buckets.timeUs(nowMs);
    const limits = this.#limits;
    for (let i = 0; i < limits.length; i++) if (!limits[i]!.admits(head, caller, timeUs)) return limits[i]!;
    return null;
  }
}
