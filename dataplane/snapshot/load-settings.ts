import type { Breaker } from '../../shared/resources/breaker.ts';
import type { Concurrency } from '../../shared/resources/concurrency.ts';
import type { ServiceLimits } from '../../shared/resources/service-limits.ts';
import { durationMs } from '../../shared/time/duration.ts';
import type { BreakerSettings } from '../cluster/breaker/breaker-settings.ts';
import type { ConcurrencySettings } from '../cluster/concurrency/concurrency-limit.ts';
import type { LoadLimits } from '../cluster/service-load.ts';

/** What the sections come to that keep a service from too much: `breaker`, of a rule as well, `limits` and `concurrency`. */

const shortestWindowMs = 100;
const shortestUpdateMs = 10;

export function breakerSettings(section: Breaker): BreakerSettings {
  const { successRate } = section;
  return {
    consecutiveFailures: section.consecutiveFailures || Number.POSITIVE_INFINITY,
    successRate: successRate
      ? {
          threshold: successRate.threshold,
          windowMs: Math.max(shortestWindowMs, durationMs(successRate.window)),
          minRequests: successRate.minRequests,
        }
      : null,
    openForMs: durationMs(section.openFor),
    maxOpenForMs: durationMs(section.maxOpenFor),
    jitter: section.jitter,
    probes: section.probes,
  };
}

export function loadLimits({ requests, retries }: ServiceLimits): LoadLimits {
  return { requests: requests || Number.POSITIVE_INFINITY, retries: retries || Number.POSITIVE_INFINITY };
}

export function concurrencySettings(section: Concurrency): ConcurrencySettings {
  return {
    minLimit: section.minLimit,
    maxLimit: Math.max(section.minLimit, section.maxLimit),
    bufferPercent: section.bufferPercent,
    percentile: section.percentile,
    updateIntervalMs: Math.max(shortestUpdateMs, durationMs(section.updateInterval)),
    measureIntervalMs: durationMs(section.measureInterval),
  };
}
