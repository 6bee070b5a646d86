import type { Breaker } from '../cluster/breaker/breaker.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { LatencyQuantile } from '../cluster/latency-quantile.ts';
import type { RetryBudget } from '../cluster/retry-budget.ts';
import type { ServiceLoad } from '../cluster/service-load.ts';
import type { BackendFilters, RuleFilters } from '../filters/filters.ts';
import type { RateLimits } from '../filters/rate-limit/rate-limits.ts';
import type { LocalReply } from '../message/local-reply.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { HashKey } from './hash-key.ts';
import type { Mirroring } from './mirroring.ts';
import type { RetrySettings } from './retry.ts';
import type { RuleTrial } from './rule-trial.ts';
import type { Sessions } from './sessions.ts';
import type { TrafficStats } from './traffic-stats.ts';

/** What happens to the requests of one route rule, compiled. */

export type TimeoutSettings = {
  /** 0 is none, for all of them. */
  readonly requestMs: number;
  readonly perTryMs: number;
  readonly idleMs: number;
  /** Of the whole exchange, even one that became a tunnel. */
  readonly maxStreamMs: number;
};

/** Hedging of the requests of one rule to one service. */
export type HedgeSettings = {
  readonly budget: RetryBudget;
  /** Of the time that replies take to begin. */
  readonly latency: LatencyQuantile;
  readonly minDelayMs: number;
};

/** One backend of a rule with all that a request sent there needs. */
export type RuleBackend = {
  readonly cluster: Cluster<PooledEndpoint>;
  /** Its instances are servers of gRPC, so calls of gRPC-Web have to become ones of gRPC. */
  readonly speaksGrpc: boolean;
  /** The endpoints that tunnels may lead to: of a service of other bytes than HTTP, too. */
  readonly tunnels: Cluster<PooledEndpoint>;
  /** What the balancer follows; null where it follows nothing. */
  readonly hashKey: HashKey | null;
  readonly budget: RetryBudget;
  readonly load: ServiceLoad;
  readonly retry: RetrySettings;
  /** Null where nobody asks for it. */
  readonly hedge: HedgeSettings | null;
  readonly timeouts: TimeoutSettings;
  readonly breakerReply: LocalReply;
  /** Takes the requests while breakers keep them from all endpoints; null where the reply above is given. */
  readonly fallback: RuleBackend | null;
  /** Null where heads go through as they are. */
  readonly filters: BackendFilters | null;
  readonly stats: TrafficStats;
};

/** What cuts a whole rule off. */
export type RuleGuard = {
  readonly breaker: Breaker;
  /** Where requests go while it is open: a backend without endpoints, which has the rule's fallback. */
  readonly cutOff: RuleBackend;
};

const goldenRatio = 0.618_033_988_749_894_9;

export class Rule {
  /** Route and rule, as metrics and traces name them. */
  readonly name: string;
  readonly backends: readonly (RuleBackend | null)[];
  /** Null where a client's requests go anywhere. */
  readonly sessions: Sessions<RuleBackend> | null;
  /** Null where nothing is copied. */
  readonly mirroring: Mirroring | null;
  /** Null where there are none. */
  readonly limits: RateLimits | null;
  /** Null where nothing cuts it off. */
  readonly guard: RuleGuard | null;
  /** Null where nothing is done but to pick a backend. */
  readonly filters: RuleFilters | null;
  /** Of requests that get to no backend; null where nobody counts them by rule. */
  readonly stats: TrafficStats | null;
  readonly #upTo: readonly number[];
  readonly #total: number;
  #point: number;

  /** A backend that is null has its share of the weight answered with 500, as Gateway API asks. */
  constructor(
    name: string,
    backends: readonly { backend: RuleBackend | null; weight: number }[],
    start: number,
    {
      mirroring = null,
      sessions = null,
      limits = null,
      guard = null,
      filters = null,
      stats = null,
    }: Partial<Pick<Rule, 'mirroring' | 'sessions' | 'limits' | 'guard' | 'filters' | 'stats'>> = {},
  ) {
    const weighted = backends.filter(({ weight }) => weight > 0);
    let sum = 0;
    this.name = name;
    this.mirroring = mirroring;
    this.sessions = sessions;
    this.limits = limits;
    this.guard = guard;
    this.filters = filters;
    this.stats = stats;
    this.backends = weighted.map(({ backend }) => backend);
    this.#upTo = weighted.map(({ weight }) => (sum += weight));
    this.#total = sum;
    this.#point = start;
  }

  /**
   * The backend of a request, of which the rule's breaker hears through `trial`. `pinned` is the one that its session asks
   * for.
   */
  admit(trial: RuleTrial, pinned: RuleBackend | null, nowMs: number): RuleBackend | null {
    if (this.guard === null) return pinned ?? this.pickBackend();
    const { breaker, cutOff } = this.guard;
    if (!breaker.isPassable(nowMs)) return cutOff;
    trial.begin(breaker);
    return pinned ?? this.pickBackend();
  }

  /**
   * The backend of the next request. Steps of the golden ratio spread requests over the weights more evenly than
   * chance: 10,000 requests miss their shares by a handful (Weyl sequence).
   */
  pickBackend(): RuleBackend | null {
    const { backends } = this;
    if (backends.length <= 1) return backends[0] ?? null;
    this.#point += goldenRatio;
    if (this.#point >= 1) this.#point -= 1;
    const at = this.#point * this.#total;
    let i = 0;
    while (i < backends.length - 1 && at >= this.#upTo[i]!) i++;
    return backends[i]!;
  }
}
