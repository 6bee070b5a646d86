import { noKey } from '../../cluster/balancer/balancer.ts';
import { hashText } from '../../cluster/hashing/murmur3.ts';
import type { Caller } from '../../message/caller.ts';
import type { RequestHead } from '../../message/request-head.ts';
import { mostTag, noRoom } from './bucket-table.ts';
import type { Buckets } from './buckets.ts';
import { Gcra } from './gcra.ts';
import type { LimitKey } from './limit-key.ts';
import type { RateLimitStats } from './rate-limit-stats.ts';
import { TakenAhead } from './taken-ahead.ts';

export type RateLimitSettings = {
  readonly name: string;
  readonly requests: number;
  readonly perMs: number;
  readonly burst: number;
  /** It only counts what it would refuse. */
  readonly isShadow: boolean;
};

/** One limit, compiled. */
export class RateLimit {
  readonly settings: RateLimitSettings;
  readonly #gcra: Gcra;
  readonly #buckets: Buckets;
  /** Null where all requests share one bucket. */
  readonly #key: LimitKey | null;
  readonly #stats: RateLimitStats;
  /** The bucket of the limit itself, which is also that of requests without a key. Where its keys go begins here, too. */
  readonly #place: number;
  readonly #tag: number;
  readonly #own: TakenAhead;
  /** Time until the request that was refused last would pass. */
  waitUs = 0;

  /** `identity` is the same for limits that share their buckets: those of other workers, and of configurations before. */
  constructor(
    identity: string,
    settings: RateLimitSettings,
    key: LimitKey | null,
    buckets: Buckets,
    stats: RateLimitStats,
  ) {
    const { requests, perMs, burst } = settings;
    this.settings = settings;
    this.#gcra = new Gcra(requests, perMs, burst);
    this.#key = key;
    this.#buckets = buckets;
    this.#stats = stats;
    this.#place = hashText(identity, buckets.placeSeed);
    this.#tag = hashText(identity, buckets.tagSeed);
    this.#own = new TakenAhead(buckets.limits, this.#place, tagOf(this.#tag), this.#gcra, burst);
  }

  /** Counts a request; false when it has to be refused, which `waitUs` then tells more of. */
  admits(head: RequestHead, caller: Caller, timeUs: number): boolean {
    const waitUs = this.#take(head, caller, timeUs);
    if (waitUs === 0) return true;
    if (waitUs === noRoom) {
      this.#stats.onUnplaced();
      return true;
    }
    this.#stats.onLimited();
    this.waitUs = waitUs;
    return this.settings.isShadow;
  }

  #take(head: RequestHead, caller: Caller, timeUs: number): number {
    const place = this.#key === null ? noKey : this.#key(head, caller, this.#place);
    if (place === noKey) return this.#own.take(timeUs);
    return this.#buckets.keys.take(place, tagOf(this.#key!(head, caller, this.#tag)), this.#gcra, timeUs);
  }
}

/** From 1 on: 0 stands for no key. */
function tagOf(hash: number): number {
  return (hash % mostTag) + 1;
}
