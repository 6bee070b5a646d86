import type { RuleHedge } from '../../shared/resources/hedge.ts';
import { durationMs } from '../../shared/time/duration.ts';
import { LatencyQuantile } from '../cluster/latency-quantile.ts';
import type { HedgeSettings } from '../pipeline/rule.ts';
import type { ServiceState } from './service-state.ts';

/** Hedging of the requests that a rule sends to a service; null where neither of them asks for it. */
export function hedgeSettings(
  section: RuleHedge | null,
  rule: string,
  { hedging: { budget, latencies, latenciesBefore } }: ServiceState,
): HedgeSettings | null {
  if (section === null) return null;
  const latency = latencies.get(rule) ?? latenciesBefore.get(rule) ?? new LatencyQuantile(section.quantile);
  latency.quantile = section.quantile;
  latencies.set(rule, latency);
  return { budget, latency, minDelayMs: durationMs(section.minDelay) };
}
