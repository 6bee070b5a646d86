import type { Span } from './span.ts';

export type StoreLimits = {
  readonly maxTraces: number;
  readonly maxSpansPerTrace: number;
  /** Estimated size of all spans kept. */
  readonly maxBytes: number;
};

export const defaultStoreLimits: StoreLimits = {
  maxTraces: 10_000,
  maxSpansPerTrace: 2_000,
  maxBytes: 128 * 1024 * 1024,
};

/** A trace as far as its spans have come in. */
export class Trace {
  readonly traceId: string;
  readonly spans = new Map<string, Span>();
  /** Spans per service. */
  readonly services = new Map<string, number>();
  sizeBytes = 0;
  errorCount = 0;
  startNanos: bigint;
  endNanos: bigint;

  constructor(first: Span) {
    this.traceId = first.traceId;
    this.startNanos = first.startNanos;
    this.endNanos = first.endNanos;
  }

  add(span: Span): void {
    this.spans.set(span.spanId, span);
    this.services.set(span.service, (this.services.get(span.service) ?? 0) + 1);
    this.sizeBytes += span.sizeBytes;
    if (span.status === 'error') this.errorCount++;
    if (span.startNanos < this.startNanos) this.startNanos = span.startNanos;
    if (span.endNanos > this.endNanos) this.endNanos = span.endNanos;
  }

  get durationMs(): number {
    return Number(this.endNanos - this.startNanos) / 1e6;
  }

  /** The span everything began with: the earliest without a parent among ours. */
  get root(): Span {
    let root: Span | undefined;
    let earliest: Span | undefined;
    for (const span of this.spans.values()) {
      if (!earliest || span.startNanos < earliest.startNanos) earliest = span;
      if (this.spans.has(span.parentSpanId)) continue;
      if (!root || span.startNanos < root.startNanos) root = span;
    }
    return (root ?? earliest)!;
  }
}

/** What became of the spans and traces that are not here, counted since the start. */
export type StoreCounts = {
  kept: number;
  /** The same span came again: a sender repeated itself. */
  duplicates: number;
  /** Its trace has as many spans as a trace may have. */
  traceFull: number;
  /** It does not fit even when all other traces leave. */
  tooLarge: number;
  /** Left, as the oldest, to make room. */
  evictedTraces: number;
  evictedSpans: number;
};

/**
 * The most recent traces. All its bounds hold after every `add`: the traces whose first span came longest ago leave
 * first, whole.
 */
export class TraceStore {
  readonly limits: StoreLimits;
  readonly counts: StoreCounts = {
    kept: 0,
    duplicates: 0,
    traceFull: 0,
    tooLarge: 0,
    evictedTraces: 0,
    evictedSpans: 0,
  };
  /** Oldest first: a Map keeps the order in which keys came. */
  readonly #traces = new Map<string, Trace>();
  #sizeBytes = 0;
  #spanCount = 0;

  constructor(limits: Partial<StoreLimits> = {}) {
    this.limits = { ...defaultStoreLimits, ...limits };
  }

  add(span: Span): void {
    const { maxTraces, maxSpansPerTrace, maxBytes } = this.limits;
    const known = this.#traces.get(span.traceId);
    if (known?.spans.has(span.spanId)) {
      this.counts.duplicates++;
      return;
    }
    if (known && known.spans.size >= maxSpansPerTrace) {
      this.counts.traceFull++;
      return;
    }
    if ((known?.sizeBytes ?? 0) + span.sizeBytes > maxBytes) {
      this.counts.tooLarge++;
      return;
    }
    while (this.#sizeBytes + span.sizeBytes > maxBytes) this.#evictOldestBut(known);
    if (!known && this.#traces.size >= maxTraces) this.#evictOldestBut(undefined);
    const trace = known ?? new Trace(span);
    if (!known) this.#traces.set(span.traceId, trace);
    trace.add(span);
    this.#sizeBytes += span.sizeBytes;
    this.#spanCount++;
    this.counts.kept++;
  }

  get(traceId: string): Trace | undefined {
    return this.#traces.get(traceId);
  }

  traces(): IterableIterator<Trace> {
    return this.#traces.values();
  }

  get traceCount(): number {
    return this.#traces.size;
  }

  get spanCount(): number {
    return this.#spanCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  #evictOldestBut(kept: Trace | undefined): void {
    for (const trace of this.#traces.values()) {
      if (trace === kept) continue;
      this.#traces.delete(trace.traceId);
      this.#sizeBytes -= trace.sizeBytes;
      this.#spanCount -= trace.spans.size;
      this.counts.evictedTraces++;
      this.counts.evictedSpans += trace.spans.size;
      return;
    }
    throw new Error('the trace store has nothing left to evict, yet is over its bound');
  }
}
