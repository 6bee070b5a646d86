import { type SpanTexts, spanText } from '../../observability/tracing/otlp-json.ts';
import type { SpanRecord } from '../../observability/tracing/span.ts';

const flushEveryMs = 200;
const flushAt = 256;

/** Gathers spans as text, so that the supervisor gets many at a time and has nothing to do but send them. */
export class SpanBatch {
  readonly #send: (spans: SpanTexts) => void;
  #json = '';
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (spans: SpanTexts) => void) {
    this.#send = send;
  }

  add(span: SpanRecord): void {
    this.#json += this.#count === 0 ? spanText(span) : `,${spanText(span)}`;
    this.#count++;
    if (this.#count >= flushAt) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), flushEveryMs);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#count === 0) return;
    this.#send({ json: this.#json, count: this.#count });
    this.#json = '';
    this.#count = 0;
  }
}
