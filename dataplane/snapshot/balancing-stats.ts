import type { SlotTable } from '../../observability/metrics/slots.ts';
import type { AdaptiveCause, Strategy } from '../cluster/adaptive-choice.ts';
import type { OutlierObserver } from '../cluster/outlier/outlier-detector.ts';

/** Writes into the metrics what balancing of one service does beside choosing. */
export class BalancingStats implements OutlierObserver {
  readonly #metrics: SlotTable;
  readonly #service: string;

  constructor(metrics: SlotTable, service: string) {
    this.#metrics = metrics;
    this.#service = service;
  }

  onPanic(): void {
    this.#count('meshlane_panic_requests_total', 'Requests sent although too few instances are well.', {});
  }

  onAdaptiveChange(strategy: Strategy, cause: AdaptiveCause): void {
    const help = 'Times that adaptive balancing went over to a strategy, by cause.';
    this.#count('meshlane_adaptive_changes_total', help, { strategy, cause });
  }

  onDetected(reason: string): void {
    const help = 'Times that an instance was found to be an outlier, ejected or not.';
    this.#count('meshlane_outlier_detections_total', help, { reason });
  }

  onEjected(reason: string): void {
    this.#count('meshlane_outlier_ejections_total', 'Ejections of instances, by what made them outliers.', { reason });
  }

  onCount(ejected: number): void {
    const labels = { service: this.#service };
    const slot = this.#metrics.gauge(
      'meshlane_endpoints_ejected',
      'Instances ejected now; summed over workers.',
      labels,
    );
    this.#metrics.values[slot] = ejected;
  }

  #count(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    this.#metrics.values[this.#metrics.counter(name, help, { service: this.#service, ...labels })]! += 1;
  }
}
