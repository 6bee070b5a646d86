import type { SpanRecord } from '../../observability/tracing/span.ts';

const flushEveryMs = 200;
const flushAt = 256;
const mostWaiting = 2048;

/** Gathers spans so that the supervisor gets them in batches; what goes over the bound is dropped and counted. */
export class SpanBatch {
  readonly #send: (spans: SpanRecord[], dropped: number) => void;
  #spans: SpanRecord[] = [];
  #dropped = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (spans: SpanRecord[], dropped: number) => void) {
    this.#send = send;
  }

  add(span: SpanRecord): void {
    if (this.#spans.length >= mostWaiting) {
      this.#dropped++;
      return;
    }
    this.#spans.push(span);
    if (this.#spans.length >= flushAt) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushEveryMs);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#spans.length === 0 && this.#dropped === 0) return;
    this.#send(this.#spans, this.#dropped);
    this.#spans = [];
    this.#dropped = 0;
  }
}
