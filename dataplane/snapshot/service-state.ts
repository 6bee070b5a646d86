import { AdaptiveChoice } from '../cluster/adaptive-choice.ts';
import { Changes } from '../cluster/changes.ts';
import { HashTables } from '../cluster/hashing/hash-tables.ts';
import { OutlierDetector } from '../cluster/outlier/outlier-detector.ts';
import { RetryBudget } from '../cluster/retry-budget.ts';
import { ServiceLoad } from '../cluster/service-load.ts';
import { BalancingStats } from './balancing-stats.ts';
import type { CompileContext } from './compile.ts';
import { limitCounter } from './load-stats.ts';
import type { ServiceSettings } from './service-settings.ts';

/** What outlives a snapshot for each service: a change of configuration refills no budget and forgives no outlier. */
export type ServiceState = {
  readonly budget: RetryBudget;
  readonly load: ServiceLoad;
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
  { retryBudget, outliers, limits }: ServiceSettings,
  { metrics, workers, random, now }: CompileContext,
): ServiceState {
  const perWorker = { percent: retryBudget.percent, minPerSecond: retryBudget.minPerSecond / workers };
  const budget = before?.budget ?? new RetryBudget(perWorker);
  budget.settings = perWorker;
  const load = before?.load ?? new ServiceLoad(limits, limitCounter(metrics, service));
  load.limits = limits;
  const stats = before?.stats ?? new BalancingStats(metrics, service);
  if (outliers === null) before?.outliers?.retire(now());
  return {
    budget,
    load,
    changes: before?.changes ?? new Changes(),
    tables: new HashTables(before?.tables ?? null),
    choice: before?.choice ?? new AdaptiveChoice((strategy, cause) => stats.onAdaptiveChange(strategy, cause)),
    stats,
    outliers: outliers === null ? null : (before?.outliers ?? new OutlierDetector(outliers, stats, random, now())),
  };
}
