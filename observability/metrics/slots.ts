/**
 * Counters as slots of a Float64Array over shared memory. A worker finds the slot of a series once, when configuration
 * changes, and then only adds to it; the supervisor reads the memory when somebody scrapes. No lock is needed: each
 * worker writes its own table.
 */

export type SeriesKind = 'counter' | 'gauge' | 'histogram';
export type SeriesLabels = Readonly<Record<string, string>>;

/** What a slot means; told to the reader once. A histogram takes `buckets + 3` slots: buckets, +Inf, sum, count. */
export type Series = {
  readonly slot: number;
  readonly name: string;
  readonly help: string;
  readonly kind: SeriesKind;
  readonly labels: SeriesLabels;
};

/** Upper bounds of the duration histogram, in seconds. */
export const durationBuckets: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const boundsMs = Float64Array.from(durationBuckets, (seconds) => seconds * 1000);
const histogramSlots = durationBuckets.length + 3;

const slotsPerTable = 65_536;
const mostNames = 64;
const firstOverflowSlot = slotsPerTable - mostNames * histogramSlots;

export function newSlotMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(slotsPerTable * Float64Array.BYTES_PER_ELEMENT);
}

/** The writing side, one per worker. */
export class SlotTable {
  readonly values: Float64Array;
  readonly #known = new Map<string, number>();
  readonly #onSeries: (series: Series) => void;
  #next = 0;
  #overflows = 0;

  constructor(memory: SharedArrayBuffer, onSeries: (series: Series) => void) {
    this.values = new Float64Array(memory);
    this.#onSeries = onSeries;
  }

  counter(name: string, help: string, labels: SeriesLabels): number {
    return this.#slot(name, help, 'counter', labels, 1);
  }

  gauge(name: string, help: string, labels: SeriesLabels): number {
    return this.#slot(name, help, 'gauge', labels, 1);
  }

  /** First slot of a duration histogram, for `observe`. */
  histogram(name: string, help: string, labels: SeriesLabels): number {
    return this.#slot(name, help, 'histogram', labels, histogramSlots);
  }

  observe(slot: number, durationMs: number): void {
    const values = this.values;
    let bucket = 0;
    while (bucket < boundsMs.length && durationMs > boundsMs[bucket]!) bucket++;
    values[slot + bucket]! += 1;
    values[slot + boundsMs.length + 1]! += durationMs / 1000;
    values[slot + boundsMs.length + 2]! += 1;
  }

  #slot(name: string, help: string, kind: SeriesKind, labels: SeriesLabels, size: number): number {
    const key = `${name}${JSON.stringify(labels)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#next + size > firstOverflowSlot) return this.#overflow(name, help, kind);
    const slot = this.#next;
    this.#next += size;
    this.#known.set(key, slot);
    this.#onSeries({ slot, name, help, kind, labels });
    return slot;
  }

  /** The table is full: all further series of a name share one that says so, in room kept for it at the end. */
  #overflow(name: string, help: string, kind: SeriesKind): number {
    const key = `overflow ${name}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#overflows++;
    const slot = slotsPerTable - this.#overflows * histogramSlots;
    this.#known.set(key, slot);
    this.#onSeries({ slot, name, help, kind, labels: { overflow: 'true' } });
    return slot;
  }
}

/** The reading side of one worker's table. */
export class SlotReader {
  readonly #values: Float64Array;
  readonly #series: Series[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.#values = new Float64Array(memory);
  }

  add(series: Series): void {
    this.#series.push(series);
  }

  get series(): readonly Series[] {
    return this.#series;
  }

  value(slot: number): number {
    return this.#values[slot] ?? 0;
  }
}
