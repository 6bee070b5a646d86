import { AdaptiveChoice } from '../cluster/adaptive-choice.ts';
import { Changes } from '../cluster/changes.ts';
import { HashTables } from '../cluster/hashing/hash-tables.ts';
import type { LatencyQuantile } from '../cluster/latency-quantile.ts';
import { OutlierDetector } from '../cluster/outlier/outlier-detector.ts';
import { RetryBudget, type RetryBudgetSettings } from '../cluster/retry-budget.ts';
import { ServiceLoad } from '../cluster/service-load.ts';
import { BalancingStats } from './balancing-stats.ts';
import type { CompileContext } from './compile.ts';
import { limitCounter } from './load-stats.ts';
import type { ServiceSettings } from './service-settings.ts';

/** Of the second requests to a service. */
type Hedging = {
  readonly budget: RetryBudget;
  /** By route rule, as far as they are in the snapshot. */
  readonly latencies: Map<string, LatencyQuantile>;
  /** Of the snapshot before, from where those of rules that stay are taken over. */
  readonly latenciesBefore: ReadonlyMap<string, LatencyQuantile>;
};

/** What outlives a snapshot for each service: a change of configuration refills no budget and forgives no outlier. */
export type ServiceState = {
  readonly budget: RetryBudget;
  readonly load: ServiceLoad;
  readonly hedging: Hedging;
  readonly changes: Changes;
  readonly tables: HashTables;
  readonly choice: AdaptiveChoice;
  readonly stats: BalancingStats;
  /** Null when no policy asks for it. */
  readonly outliers: OutlierDetector | null;
};

/** The state of a service under these settings, taken over from the snapshot before as far as there is one. */
export function serviceState(
  service: string,
  before: ServiceState | null,
  { retryBudget, hedgeBudget, outliers, limits }: ServiceSettings,
  { metrics, workers, random, now }: CompileContext,
): ServiceState {
  const budget = budgetOf(before?.budget, retryBudget, workers);
  const hedging = {
    budget: budgetOf(before?.hedging.budget, hedgeBudget, workers),
    latencies: new Map(),
    latenciesBefore: before?.hedging.latencies ?? new Map(),
  };
  const load = before?.load ?? new ServiceLoad(limits, limitCounter(metrics, service));
  load.limits = limits;
  const stats = before?.stats ?? new BalancingStats(metrics, service);
  if (outliers === null) before?.outliers?.retire(now());
  return {
    budget,
    load,
    hedging,
    changes: before?.changes ?? new Changes(),
    tables: new HashTables(before?.tables ?? null),
    choice: before?.choice ?? new AdaptiveChoice((strategy, cause) => stats.onAdaptiveChange(strategy, cause)),
    stats,
    outliers: outliers === null ? null : (before?.outliers ?? new OutlierDetector(outliers, stats, random, now())),
  };
}

/** The budget of a service in this worker, which gets its part of the floor. */
function budgetOf(
  before: RetryBudget | undefined,
  { percent, minPerSecond }: RetryBudgetSettings,
  workers: number,
): RetryBudget {
  const settings = { percent, minPerSecond: minPerSecond / workers };
  const budget = before ?? new RetryBudget(settings);
  budget.settings = settings;
  return budget;
}
