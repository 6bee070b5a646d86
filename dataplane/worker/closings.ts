import type { SlotTable } from '../../observability/metrics/slots.ts';

/** Why a connection was closed, or is after this reply, though both sides could have gone on. */
const closings = {
  'downstream idle': { side: 'downstream', reason: 'idle' },
  'downstream requests': { side: 'downstream', reason: 'requests' },
  'downstream stalled': { side: 'downstream', reason: 'stalled' },
  'upstream idle': { side: 'upstream', reason: 'idle' },
  'upstream lifetime': { side: 'upstream', reason: 'lifetime' },
  'upstream requests': { side: 'upstream', reason: 'requests' },
  'upstream unasked': { side: 'upstream', reason: 'unasked' },
} as const;

export type Closing = keyof typeof closings;

/** Counts connections that a bound of ours ends; the series are bound when the worker starts. */
export class Closings {
  readonly #values: Float64Array;
  readonly #slots = new Map<Closing, number>();

  constructor(table: SlotTable) {
    this.#values = table.values;
    for (const [closing, labels] of Object.entries(closings))
      this.#slots.set(
        closing as Closing,
        table.counter('meshlane_connections_closed_total', 'Connections that a bound of the proxy ended.', labels),
      );
  }

  count(closing: Closing): void {
    this.#values[this.#slots.get(closing)!]! += 1;
  }
}
