import type { SeriesLabels, SlotTable } from '../../observability/metrics/slots.ts';
import { TcpStats } from './tcp-stats.ts';

/** The series of one direction, service and route. Bound when configuration changes; a request only adds to slots. */
export class TrafficStats {
  readonly #table: SlotTable;
  readonly #values: Float64Array;
  readonly #labels: SeriesLabels;
  readonly #duration: number;
  readonly #inFlight: number;
  readonly #requestBytes: number;
  readonly #replyBytes: number;
  /** Slot of the call counter per gRPC status. */
  readonly #grpcStatuses: (number | undefined)[] = [];
  /** Slot of the request counter per status code; -1 until the code is first seen. */
  readonly #requests = new Int32Array(600).fill(-1);
  #tcp: TcpStats | null = null;

  constructor(table: SlotTable, labels: { direction: string; service: string; route: string }) {
    this.#table = table;
    this.#values = table.values;
    this.#labels = labels;
    this.#duration = table.histogram(
      'meshlane_request_duration_seconds',
      'From the request head to the end of the reply.',
      labels,
    );
    this.#inFlight = table.gauge('meshlane_requests_in_flight', 'Requests being carried.', labels);
    this.#requestBytes = table.counter('meshlane_request_body_bytes_total', 'Bytes of request bodies.', labels);
    this.#replyBytes = table.counter('meshlane_reply_body_bytes_total', 'Bytes of reply bodies.', labels);
  }

  /** Of connections whose bytes are no requests. There are none before the first of these. */
  get tcp(): TcpStats {
    this.#tcp ??= new TcpStats(this.#table, this.#labels);
    return this.#tcp;
  }

  onStart(): void {
    this.#values[this.#inFlight]! += 1;
  }

  /** `code` is the status sent to the caller; 499 when the caller left before. */
  onEnd(code: number, durationMs: number, requestBytes: number, replyBytes: number): void {
    const values = this.#values;
    values[this.#inFlight]! -= 1;
    let slot = this.#requests[code]!;
    if (slot === -1) slot = this.#bind(code);
    values[slot]! += 1;
    if (requestBytes > 0) values[this.#requestBytes]! += requestBytes;
    if (replyBytes > 0) values[this.#replyBytes]! += replyBytes;
    this.#table.observe(this.#duration, durationMs);
  }

  onRetry(cause: string): void {
    const labels = { ...this.#labels, cause };
    this.#values[
      this.#table.counter('meshlane_retries_total', 'Tries after the first one, by what made them needed.', labels)
    ]! += 1;
  }

  /** What came of a second request: it took the first one's place (`won`) or not (`lost`), failed, or was over the budget. */
  onHedge(result: 'won' | 'lost' | 'failed' | 'over_budget'): void {
    const labels = { ...this.#labels, result };
    this.#values[
      this.#table.counter(
        'meshlane_hedges_total',
        'Requests that were slow enough to be sent again, by result.',
        labels,
      )
    ]! += 1;
  }

  onRetryRefused(): void {
    const slot = this.#table.counter(
      'meshlane_retry_budget_exhausted_total',
      'Retries not made because the budget was used up.',
      this.#labels,
    );
    this.#values[slot]! += 1;
  }

  /** Another service takes a request in place of this one. */
  onFallback(to: string): void {
    const help = 'Requests taken by the fallback service while the breaker was open.';
    this.#values[this.#table.counter('meshlane_fallbacks_total', help, { ...this.#labels, to })]! += 1;
  }

  /** A call of gRPC has ended with this status. */
  onGrpcStatus(status: number): void {
    this.#grpcStatuses[status] ??= this.#table.counter(
      'meshlane_grpc_calls_total',
      'Calls of gRPC that ended, by status.',
      {
        ...this.#labels,
        grpc_status: String(status),
      },
    );
    this.#values[this.#grpcStatuses[status]]! += 1;
  }

  onLocalReply(reason: string): void {
    const labels = { ...this.#labels, reason };
    this.#values[
      this.#table.counter('meshlane_local_replies_total', 'Replies given by the proxy itself, by reason.', labels)
    ]! += 1;
  }

  /** A reply that had begun could not be completed. */
  onCut(reason: string): void {
    const labels = { ...this.#labels, reason };
    this.#values[
      this.#table.counter(
        'meshlane_replies_cut_total',
        'Replies and tunnels broken off by the proxy, by reason.',
        labels,
      )
    ]! += 1;
  }

  #bind(code: number): number {
    const labels = { ...this.#labels, code: String(code) };
    const slot = this.#table.counter(
      'meshlane_requests_total',
      'Requests answered, by status code; 499 is a caller that left.',
      labels,
    );
    this.#requests[code] = slot;
    return slot;
  }
}
