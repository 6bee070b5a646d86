import type { Fallback } from '../../shared/resources/breaker.ts';
import type { Hedge } from '../../shared/resources/hedge.ts';
import { policyDefaults } from '../../shared/resources/policy-defaults.ts';
import type { Timeouts } from '../../shared/resources/route.ts';
import type { PolicyResource } from '../../shared/resources/schema.ts';
import { durationMs } from '../../shared/time/duration.ts';
import type { BreakerSettings } from '../cluster/breaker/breaker-settings.ts';
import type { ConcurrencySettings } from '../cluster/concurrency/concurrency-limit.ts';
import type { OutlierSettings } from '../cluster/outlier/outlier-settings.ts';
import type { RetryBudgetSettings } from '../cluster/retry-budget.ts';
import type { LoadLimits } from '../cluster/service-load.ts';
import type { RetrySettings } from '../pipeline/retry.ts';
import type { TimeoutSettings } from '../pipeline/rule.ts';
import type { PoolSettings } from '../upstream/pool.ts';
import { type BalancingSettings, balancingSettings, outlierSettings } from './balancing-settings.ts';
import { breakerSettings, concurrencySettings, loadLimits } from './load-settings.ts';
import { retrySettings } from './retry-settings.ts';

/** What the policies of a service come to, in the units the request path uses. */
export type ServiceSettings = {
  readonly balancing: BalancingSettings;
  readonly pool: PoolSettings;
  readonly timeouts: TimeoutSettings;
  readonly retry: RetrySettings;
  readonly retryBudget: RetryBudgetSettings;
  /** Null when no policy asks for it. */
  readonly hedge: Hedge | null;
  readonly hedgeBudget: RetryBudgetSettings;
  /** Null when no policy asks for a breaker. */
  readonly breaker: BreakerSettings | null;
  readonly fallback: Fallback | undefined;
  /** Null when no policy asks for it. */
  readonly outliers: OutlierSettings | null;
  readonly limits: LoadLimits;
  /** Null when no policy asks for it. */
  readonly concurrency: ConcurrencySettings | null;
};

/**
 * Each section comes from the first policy that has it; the control plane refuses a second one. `workers` share what
 * counts for the whole proxy.
 */
export function serviceSettings(policies: readonly PolicyResource[], workers: number): ServiceSettings {
  const loadBalancer = policies.find(({ spec }) => spec.loadBalancer)?.spec.loadBalancer ?? policyDefaults.loadBalancer;
  const outliers = policies.find(({ spec }) => spec.outlierDetection)?.spec.outlierDetection;
  const breaker = policies.find(({ spec }) => spec.breaker)?.spec.breaker;
  const limits = policies.find(({ spec }) => spec.limits)?.spec.limits ?? policyDefaults.limits;
  const concurrency = policies.find(({ spec }) => spec.concurrency)?.spec.concurrency;
  const connections = policies.find(({ spec }) => spec.connections)?.spec.connections ?? policyDefaults.connections;
  const timeouts = policies.find(({ spec }) => spec.timeouts)?.spec.timeouts ?? policyDefaults.timeouts;
  const hedge = policies.find(({ spec }) => spec.hedge)?.spec.hedge ?? null;
  const retry = policies.find(({ spec }) => spec.retry)?.spec.retry ?? policyDefaults.retry;
  return {
    balancing: balancingSettings(loadBalancer),
    pool: {
      max: connections.max,
      maxIdle: connections.maxIdle,
      maxPending: connections.maxPending,
      connectTimeoutMs: durationMs(connections.connectTimeout),
      idleTimeoutMs: durationMs(connections.idleTimeout),
      maxLifetimeMs: durationMs(connections.maxLifetime),
      maxRequests: connections.maxRequests,
      streamsPerConnection: connections.streams,
      backoffMs: durationMs(connections.backoff),
      maxBackoffMs: durationMs(connections.maxBackoff),
    },
    timeouts: {
      requestMs: durationMs(timeouts.request),
      perTryMs: durationMs(timeouts.perTry),
      idleMs: durationMs(timeouts.idle),
      maxStreamMs: durationMs(timeouts.maxStream),
    },
    retry: retrySettings(retry),
    retryBudget: retry.budget,
    hedge,
    hedgeBudget: (hedge ?? policyDefaults.hedge).budget,
    breaker: breaker ? breakerSettings(breaker) : null,
    fallback: breaker?.fallback,
    outliers: outliers ? outlierSettings(outliers, workers) : null,
    limits: loadLimits(limits),
    concurrency: concurrency ? concurrencySettings(concurrency) : null,
  };
}

/**
 * What holds between a sidecar and its own application: the defaults, but for the times that the application's nature
 * sets. Bounds on tries and load are the callers' business, or they would count twice.
 */
export function applicationSettings(policies: readonly PolicyResource[]): ServiceSettings {
  const own = serviceSettings([], 1);
  const { pool, timeouts } = serviceSettings(policies, 1);
  const { connectTimeoutMs, idleTimeoutMs, maxLifetimeMs, maxRequests } = pool;
  return {
    ...own,
    pool: { ...own.pool, connectTimeoutMs, idleTimeoutMs, maxLifetimeMs, maxRequests },
    timeouts: { ...own.timeouts, idleMs: timeouts.idleMs, maxStreamMs: timeouts.maxStreamMs },
  };
}

/** Timeouts of a route rule over those of the service. */
export function timeoutSettings(rule: Timeouts, service: TimeoutSettings): TimeoutSettings {
  return {
    requestMs: rule.request === undefined ? service.requestMs : durationMs(rule.request),
    perTryMs: rule.backendRequest === undefined ? service.perTryMs : durationMs(rule.backendRequest),
    idleMs: rule.idle === undefined ? service.idleMs : durationMs(rule.idle),
    maxStreamMs: rule.maxStream === undefined ? service.maxStreamMs : durationMs(rule.maxStream),
  };
}
