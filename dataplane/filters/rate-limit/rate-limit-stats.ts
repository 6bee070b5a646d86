import type { SlotTable } from '../../../observability/metrics/slots.ts';

export type RateLimitLabels = {
  readonly direction: string;
  readonly service: string;
  readonly route: string;
  readonly limit: string;
  readonly shadow: string;
};

/** The series of one limit. Bound when configuration changes; a request only adds to slots. */
export class RateLimitStats {
  readonly #values: Float64Array;
  readonly #limited: number;
  readonly #unplaced: number;

  constructor(table: SlotTable, labels: RateLimitLabels) {
    this.#values = table.values;
    this.#limited = table.counter(
      'meshlane_rate_limited_total',
      'Requests above a rate limit: refused, or with shadow="true" only counted.',
      labels,
    );
    this.#unplaced = table.counter(
      'meshlane_rate_limit_unplaced_total',
      'Requests that passed uncounted, because others had all the buckets that theirs could be in.',
      {},
    );
  }

  onLimited(): void {
    this.#values[this.#limited]! += 1;
  }

  onUnplaced(): void {
    this.#values[this.#unplaced]! += 1;
  }
}
