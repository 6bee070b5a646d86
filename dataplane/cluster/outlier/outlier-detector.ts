import type { Endpoint } from '../endpoint.ts';
import { OutlierMonitor } from './outlier-monitor.ts';
import type { OutlierOrigin, OutlierReason, OutlierSettings } from './outlier-settings.ts';
import { successRateBound } from './success-rate-bound.ts';

/** Who writes down what is found and done. */
export type OutlierObserver = {
  /** Found, whether or not it is acted upon. */
  onDetected(reason: OutlierReason): void;
  onEjected(reason: OutlierReason): void;
  /** So many endpoints are ejected now. */
  onCount(ejected: number): void;
};

type Watched = {
  readonly endpoint: Endpoint;
  readonly monitor: OutlierMonitor;
  ejectedAtMs: number;
  /** Its next ejection lasts so many times the base; one less for each interval that it spends in service. */
  ejections: number;
};

const statistics = {
  external: { rate: 'success_rate', percentage: 'failure_percentage' },
  local: { rate: 'local_origin_success_rate', percentage: 'local_origin_failure_percentage' },
} as const;

/**
 * Takes endpoints of one service out that behave worse than they should, or than the others, and lets them in again after
 * a time that grows with each ejection: Envoy's outlier detection, of what one worker sees. Driven by the clock it is
 * given; failures in a row are acted upon at once, everything else when an interval ends.
 */
export class OutlierDetector {
  #settings: OutlierSettings;
  readonly #observer: OutlierObserver;
  readonly #random: () => number;
  #watched: Watched[] = [];
  #ejected = 0;
  #intervalEndMs: number;

  /** `random` gives unsigned 32-bit integers. */
  constructor(settings: OutlierSettings, observer: OutlierObserver, random: () => number, nowMs: number) {
    this.#settings = settings;
    this.#observer = observer;
    this.#random = random;
    this.#intervalEndMs = nowMs + settings.intervalMs;
  }

  /** Watches exactly these from now on, by these settings; what is known of those that stay is kept. */
  follow(endpoints: readonly Endpoint[], settings: OutlierSettings): void {
    this.#settings = settings;
    const known = new Map(this.#watched.map((one) => [one.endpoint, one]));
    this.#watched = endpoints.map((endpoint) => known.get(endpoint) ?? this.#watch(endpoint));
    for (const { monitor, endpoint } of this.#watched) {
      monitor.settings = settings;
      endpoint.outlier = monitor;
    }
    this.#countEjected();
  }

  #watch(endpoint: Endpoint): Watched {
    const onOutlier = (reason: OutlierReason, nowMs: number) => this.#onOutlier(watched, reason, nowMs);
    const monitor = new OutlierMonitor(this.#settings, onOutlier);
    const watched: Watched = { endpoint, monitor, ejectedAtMs: 0, ejections: 0 };
    return watched;
  }

  /** Nobody asks for it any more: all endpoints are in service again. */
  retire(nowMs: number): void {
    for (const { endpoint } of this.#watched) {
      endpoint.outlier = null;
      endpoint.setEjected(false, nowMs);
    }
    this.#watched = [];
    this.#countEjected();
  }

  /** Ends the interval if it is over; returns the moment at which the one under way ends. */
  advance(nowMs: number): number {
    if (nowMs < this.#intervalEndMs) return this.#intervalEndMs;
    this.#intervalEndMs = nowMs + this.#settings.intervalMs;
    for (const watched of this.#watched) this.#reviewEjection(watched, nowMs);
    this.#judgeRates('external', nowMs);
    if (this.#settings.splitsLocalOrigin) this.#judgeRates('local', nowMs);
    for (const { monitor } of this.#watched) {
      monitor.external.reset();
      monitor.local.reset();
    }
    return this.#intervalEndMs;
  }

  #reviewEjection(watched: Watched, nowMs: number): void {
    const { endpoint, ejectedAtMs } = watched;
    if (!endpoint.isEjected) {
      watched.ejections = Math.max(0, watched.ejections - 1);
      return;
    }
    const { baseEjectionMs, maxEjectionMs } = this.#settings;
    const longestMs = Math.max(baseEjectionMs, maxEjectionMs);
    const isOver = nowMs - ejectedAtMs >= Math.min(baseEjectionMs * watched.ejections, longestMs);
    // A health check that it passes again says more than what requests met before.
    const isWellAgain = endpoint.isHealthy && endpoint.activeSinceMs > ejectedAtMs;
    if (!isOver && !isWellAgain) return;
    watched.monitor.forget();
    endpoint.setEjected(false, nowMs);
    this.#countEjected();
  }

  #judgeRates(origin: OutlierOrigin, nowMs: number): void {
    const { successRate, failurePercentage } = this.#settings;
    const present = this.#watched.filter(({ endpoint }) => !endpoint.isEjected);
    const busy = (volume: number) => present.filter(({ monitor }) => monitor[origin].total >= Math.max(1, volume));
    const rateOf = ({ monitor }: Watched) => monitor[origin].successRate;

    const rated = busy(successRate.requestVolume);
    if (rated.length >= successRate.minimumHosts && rated.length > 0) {
      const bound = successRateBound(rated.map(rateOf), successRate.stdevFactor);
      for (const watched of rated)
        if (rateOf(watched) < bound) this.#onOutlier(watched, statistics[origin].rate, nowMs);
    }
    const counted = busy(failurePercentage.requestVolume);
    if (counted.length >= failurePercentage.minimumHosts)
      for (const watched of counted)
        if (100 - rateOf(watched) >= failurePercentage.threshold)
          this.#onOutlier(watched, statistics[origin].percentage, nowMs);
  }

  #onOutlier(watched: Watched, reason: OutlierReason, nowMs: number): void {
    if (watched.endpoint.isEjected) return; // requests that were on their way
    this.#observer.onDetected(reason);
    if (!this.#mayEject() || this.#random() % 100 >= this.#settings.enforcingPercent[reason]) return;
    const { baseEjectionMs, maxEjectionMs } = this.#settings;
    if (baseEjectionMs * watched.ejections < Math.max(maxEjectionMs, baseEjectionMs)) watched.ejections++;
    watched.ejectedAtMs = nowMs;
    watched.endpoint.setEjected(true, nowMs);
    this.#observer.onEjected(reason);
    this.#countEjected();
  }

  #mayEject(): boolean {
    if (this.#settings.alwaysEjectOne && this.#ejected === 0) return true;
    return (this.#ejected + 1) * 100 <= this.#settings.maxEjectionPercent * this.#watched.length;
  }

  #countEjected(): void {
    this.#ejected = this.#watched.filter(({ endpoint }) => endpoint.isEjected).length;
    this.#observer.onCount(this.#ejected);
  }
}
