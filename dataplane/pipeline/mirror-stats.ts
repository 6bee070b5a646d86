import type { SlotTable } from '../../observability/metrics/slots.ts';

/** What became of one copy of a request. */
const mirrorResults = ['sent', 'failed', 'overflow', 'busy', 'cancelled'] as const;
export type MirrorResult = (typeof mirrorResults)[number];

/** In what the reply to a copy differs from the one to the request itself; the first of them that holds. */
const comparisonResults = ['incomplete', 'status', 'grpc_status', 'too_large', 'body', 'same'] as const;
export type ComparisonResult = (typeof comparisonResults)[number];

/** The series of the mirrors of one route that go to one service. */
export class MirrorStats {
  readonly #values: Float64Array;
  readonly #requests: ReadonlyMap<MirrorResult, number>;
  readonly #comparisons: ReadonlyMap<ComparisonResult, number>;

  constructor(table: SlotTable, labels: { service: string; route: string }) {
    const requests = (result: MirrorResult) =>
      table.counter('meshlane_mirrored_requests_total', 'Copies of requests, by what became of them.', {
        ...labels,
        result,
      });
    const comparisons = (result: ComparisonResult) =>
      table.counter('meshlane_mirror_comparisons_total', 'Replies to copies that were compared, by result.', {
        ...labels,
        result,
      });
    this.#values = table.values;
    this.#requests = new Map(mirrorResults.map((result) => [result, requests(result)]));
    this.#comparisons = new Map(comparisonResults.map((result) => [result, comparisons(result)]));
  }

  onRequest(result: MirrorResult): void {
    this.#values[this.#requests.get(result)!]! += 1;
  }

  onComparison(result: ComparisonResult): void {
    this.#values[this.#comparisons.get(result)!]! += 1;
  }
}
