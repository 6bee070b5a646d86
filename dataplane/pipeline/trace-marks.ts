import type { TraceContext } from '../../observability/tracing/trace-context.ts';

/**
 * What this proxy's inbound and outbound requests of one trace have to tell each other. The application between them says
 * which belong together, by passing on `traceparent`, and nothing else: neither that a request was a retry, nor that one it
 * made failed after several tries. Two sets of traces say it in its place, in memory that all workers share:
 *
 *   inbound, a retry ------> retries -----> outbound: nothing that it causes is tried again
 *   outbound, tries used --> failures ----> inbound: the reply says so (`x-meshlane-tries`)
 *
 * A place is the trace's number and when it was marked. Whoever writes one replaces what was there, and two may do so at
 * once: a mark that is lost or half of another costs a retry too many, one that lasts too long a retry too few.
 */
const places = 8192;
/** How long a mark is good. */
const lifeMs = 10_000;

const bytesPerSet = (places * 2 + 1) * Float64Array.BYTES_PER_ELEMENT;

export function newTraceMarkMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * bytesPerSet);
}

export class TraceMarks {
  readonly retries: TraceSet;
  readonly failures: TraceSet;

  /** `clockOffsetMs` is added to this worker's clock to get one that is the same for all of them. */
  constructor(memory: SharedArrayBuffer, clockOffsetMs: number) {
    this.retries = new TraceSet(memory, 0, clockOffsetMs);
    this.failures = new TraceSet(memory, bytesPerSet, clockOffsetMs);
  }
}

class TraceSet {
  /** When the last mark was made, then number and moment of each place. */
  readonly #cells: Float64Array;
  readonly #clockOffsetMs: number;

  constructor(memory: SharedArrayBuffer, from: number, clockOffsetMs: number) {
    this.#cells = new Float64Array(memory, from, places * 2 + 1);
    this.#clockOffsetMs = clockOffsetMs;
  }

  mark(trace: TraceContext, nowMs: number): void {
    const number = trace.number;
    const at = 1 + (number % places) * 2;
    const atMs = nowMs + this.#clockOffsetMs;
    this.#cells[at + 1] = atMs;
    this.#cells[at] = number;
    this.#cells[0] = atMs;
  }

  /** Costs one comparison while nothing at all was marked for a while. */
  has(trace: TraceContext, nowMs: number): boolean {
    const sinceMs = nowMs + this.#clockOffsetMs - lifeMs;
    if (this.#cells[0]! < sinceMs || this.#cells[0] === 0) return false;
    const number = trace.number;
    const at = 1 + (number % places) * 2;
    return this.#cells[at] === number && this.#cells[at + 1]! >= sinceMs;
  }
}
