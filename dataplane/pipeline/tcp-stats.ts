import type { SeriesLabels, SlotTable } from '../../observability/metrics/slots.ts';
import type { ErrorCode } from '../../shared/errors/error-table.ts';

/** Why a connection ended: an error, or `done` in order, `caller_reset`, `idle`, or `drain` at the end of a drain's time. */
export type TcpEnding = ErrorCode | 'done' | 'caller_reset' | 'idle' | 'drain';

/** The series of connections that are carried as they are, of one direction, service and route. */
export class TcpStats {
  readonly #table: SlotTable;
  readonly #values: Float64Array;
  readonly #labels: SeriesLabels;
  readonly #open: number;
  readonly #opened: number;
  readonly #sent: number;
  readonly #received: number;

  constructor(table: SlotTable, labels: SeriesLabels) {
    this.#table = table;
    this.#values = table.values;
    this.#labels = labels;
    this.#open = table.gauge('meshlane_tcp_connections', 'Open connections that are carried as they are.', labels);
    this.#opened = table.counter(
      'meshlane_tcp_connections_opened_total',
      'Connections taken that are carried as they are.',
      labels,
    );
    this.#sent = table.counter(
      'meshlane_tcp_sent_bytes_total',
      'Bytes sent to callers whose connections are carried as they are.',
      labels,
    );
    this.#received = table.counter(
      'meshlane_tcp_received_bytes_total',
      'Bytes received from callers whose connections are carried as they are.',
      labels,
    );
  }

  onOpened(): void {
    this.#values[this.#open]! += 1;
    this.#values[this.#opened]! += 1;
  }

  onSent(bytes: number): void {
    this.#values[this.#sent]! += bytes;
  }

  onReceived(bytes: number): void {
    this.#values[this.#received]! += bytes;
  }

  onClosed(reason: TcpEnding): void {
    this.#values[this.#open]! -= 1;
    const labels = { ...this.#labels, reason };
    const slot = this.#table.counter(
      'meshlane_tcp_connections_closed_total',
      'Connections closed that were carried as they are, by reason.',
      labels,
    );
    this.#values[slot]! += 1;
  }
}
