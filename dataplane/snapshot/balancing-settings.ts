import type { HashOn, LoadBalancer } from '../../shared/resources/load-balancer.ts';
import type { OutlierDetection } from '../../shared/resources/outlier-detection.ts';
import { durationMs } from '../../shared/time/duration.ts';
import type { BalancerSettings } from '../cluster/balancer-maker.ts';
import type { LatencySettings } from '../cluster/latency-estimate.ts';
import type { OutlierSettings } from '../cluster/outlier/outlier-settings.ts';
import type { SlowStart } from '../cluster/slow-start.ts';
import { type HashKey, hashKey } from '../pipeline/hash-key.ts';

/** What the section `loadBalancer` comes to. */
export type BalancingSettings = {
  readonly balancer: BalancerSettings;
  /** Null where the balancer follows no key. */
  readonly hashKey: HashKey | null;
  /** Null where the balancer does not go by latency. */
  readonly latency: LatencySettings | null;
  readonly slowStart: SlowStart | null;
  /** Null where zones are not to be looked at. */
  readonly zoneMinimum: number | null;
  readonly panicThresholdPercent: number;
};

/** Rates are looked at this often at most, whatever a policy says. */
const shortestIntervalMs = 10;

export function balancingSettings(section: LoadBalancer): BalancingSettings {
  const { policy, hashOn, peakEwma, slowStart, zoneAware } = section;
  const followsKeys = policy === 'ring-hash' || policy === 'maglev';
  const measures = policy === 'peak-ewma' || policy === 'adaptive';
  return {
    balancer: followsKeys
      ? { policy, size: policy === 'maglev' ? section.tableSize : section.minimumRingSize }
      : { policy },
    hashKey: followsKeys && hashOn ? hashKey(hashedOn(hashOn)) : null,
    latency: measures
      ? {
          decayMs: Math.max(1, durationMs(peakEwma.decay)),
          defaultMs: durationMs(peakEwma.defaultLatency),
          failurePenaltyMs: durationMs(peakEwma.failurePenalty),
        }
      : null,
    slowStart: slowStart
      ? {
          windowMs: durationMs(slowStart.window),
          minWeightPercent: slowStart.minWeightPercent,
          aggression: slowStart.aggression,
        }
      : null,
    zoneMinimum: zoneAware.enabled ? zoneAware.minInstances : null,
    panicThresholdPercent: section.panicThresholdPercent,
  };
}

function hashedOn({ header, cookie, source }: HashOn): Parameters<typeof hashKey>[0] {
  if (header !== undefined) return { header };
  if (cookie !== undefined) return { cookie };
  return source ? 'source' : 'path';
}

/** Each of the workers sees its part of the requests, so that part of a volume is enough. */
export function outlierSettings(section: OutlierDetection, workers: number): OutlierSettings {
  const { successRate, failurePercentage, enforcing } = section;
  return {
    intervalMs: Math.max(shortestIntervalMs, durationMs(section.interval)),
    baseEjectionMs: durationMs(section.baseEjectionTime),
    maxEjectionMs: durationMs(section.maxEjectionTime),
    maxEjectionPercent: section.maxEjectionPercent,
    alwaysEjectOne: section.alwaysEjectOne,
    splitsLocalOrigin: section.splitLocalOriginErrors,
    consecutive5xx: section.consecutive5xx || Number.POSITIVE_INFINITY,
    consecutiveGatewayErrors: section.consecutiveGatewayErrors || Number.POSITIVE_INFINITY,
    consecutiveLocalOriginFailures: section.consecutiveLocalOriginFailures || Number.POSITIVE_INFINITY,
    successRate: { ...successRate, requestVolume: successRate.requestVolume / workers },
    failurePercentage: { ...failurePercentage, requestVolume: failurePercentage.requestVolume / workers },
    enforcingPercent: {
      consecutive_5xx: enforcing.consecutive5xx,
      consecutive_gateway_errors: enforcing.consecutiveGatewayErrors,
      consecutive_local_origin_failures: enforcing.consecutiveLocalOriginFailures,
      success_rate: enforcing.successRate,
      failure_percentage: enforcing.failurePercentage,
      local_origin_success_rate: enforcing.localOriginSuccessRate,
      local_origin_failure_percentage: enforcing.localOriginFailurePercentage,
    },
  };
}
