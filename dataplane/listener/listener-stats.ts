import type { SlotTable } from '../../observability/metrics/slots.ts';

const logEveryMs = 60_000;

/** The series of one listener in one worker. */
export class ListenerStats {
  readonly listener: string;
  readonly #values: Float64Array;
  readonly #open: number;
  readonly #openHere: number;
  readonly #opened: number;
  readonly #handedOver: number;
  readonly #refused: number;
  readonly #handshakesFailed: number;
  #loggedMs = Number.NEGATIVE_INFINITY;

  constructor(table: SlotTable, labels: { listener: string; direction: string }, worker: number) {
    this.listener = labels.listener;
    this.#values = table.values;
    this.#open = table.gauge('meshlane_connections', 'Open downstream connections.', labels);
    this.#openHere = table.gauge('meshlane_worker_connections', 'Open downstream connections of a worker.', {
      ...labels,
      worker: String(worker),
    });
    this.#opened = table.counter('meshlane_connections_opened_total', 'Downstream connections taken.', labels);
    this.#handedOver = table.counter(
      'meshlane_connections_handed_over_total',
      'Connections given to another worker, which had fewer.',
      labels,
    );
    this.#refused = table.counter(
      'meshlane_connections_refused_total',
      'Connections reset because the listener had as many as it may.',
      labels,
    );
    this.#handshakesFailed = table.counter(
      'meshlane_tls_handshakes_failed_total',
      'Connections that ended before their TLS handshake was done.',
      labels,
    );
  }

  onOpened(): void {
    this.#values[this.#open]! += 1;
    this.#values[this.#openHere]! += 1;
    this.#values[this.#opened]! += 1;
  }

  onClosed(): void {
    this.#values[this.#open]! -= 1;
    this.#values[this.#openHere]! -= 1;
  }

  onHandedOver(): void {
    this.#values[this.#handedOver]! += 1;
  }

  onHandshakeFailed(): void {
    this.#values[this.#handshakesFailed]! += 1;
  }

  /** True when it is time to log it: once a minute is enough to be seen, and more would be a load of its own. */
  onRefused(nowMs: number): boolean {
    this.#values[this.#refused]! += 1;
    if (nowMs - this.#loggedMs < logEveryMs) return false;
    this.#loggedMs = nowMs;
    return true;
  }
}
