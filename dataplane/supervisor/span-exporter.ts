import type { ClientRequest, RequestOptions } from 'node:http';
import { type SpanTexts, tracesText } from '../../observability/tracing/otlp-json.ts';
import { http } from '../../shared/http/node-http.ts';

const mostQueued = 8192;
const mostQueuedLength = 8 * 1024 * 1024;
const mostPerPost = 512;
const timeoutMs = 5000;
const retryAfterMs = 1000;
const closeWithinMs = 1000;

/**
 * Sends spans to an OTLP/HTTP endpoint, one post at a time. When the endpoint is slow or away the queue fills and what
 * comes then is dropped and counted: a request never waits for its span.
 */
export class SpanExporter {
  readonly #url: URL;
  readonly #resource: Readonly<Record<string, string>>;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #queue: SpanTexts[] = [];
  #queued = 0;
  #queuedLength = 0;
  /** Goes on until the queue is empty or the endpoint cannot be reached; null when nothing is posted. */
  #pumping: Promise<void> | null = null;
  /** Ends the post that is under way when the close has taken long enough. */
  readonly #givingUp = new AbortController();
  #retryTimer: NodeJS.Timeout | null = null;
  #isClosed = false;
  sent = 0;
  dropped = 0;

  /** `endpoint` is the base URL of the collector, without `/v1/traces`. */
  constructor(endpoint: string, resource: Readonly<Record<string, string>>) {
    this.#url = new URL(endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint.replace(/\/$/, '')}/v1/traces`);
    this.#resource = resource;
  }

  add(spans: SpanTexts): void {
    if (this.#queued + spans.count > mostQueued || this.#queuedLength + spans.json.length > mostQueuedLength) {
      this.dropped += spans.count;
    } else {
      this.#queue.push(spans);
      this.#queued += spans.count;
      this.#queuedLength += spans.json.length;
    }
    this.#start();
  }

  /** Sends what is queued, for at most a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    const timer = setTimeout(() => this.#givingUp.abort(), closeWithinMs);
    await this.#pumping; // its post is at the front of the queue until it is answered
    while (this.#queue.length > 0 && !this.#givingUp.signal.aborted && (await this.#postNext()));
    clearTimeout(timer);
    this.#agent.destroy();
  }

  #start(): void {
    if (this.#queue.length === 0 || this.#retryTimer !== null || this.#isClosed) return;
    this.#pumping ??= this.#pump();
  }

  async #pump(): Promise<void> {
    let isReachable = true;
    while (isReachable && this.#queue.length > 0 && !this.#isClosed) isReachable = await this.#postNext();
    this.#pumping = null;
    if (isReachable || this.#isClosed) return;
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = null;
        this.#start();
      },
      retryAfterMs * (0.5 + Math.random()),
    );
  }

  /** False when the endpoint could not take what it was sent. */
  async #postNext(): Promise<boolean> {
    const { batches, count } = this.#front();
    const status = await this.#post(tracesText(this.#resource, batches.map(({ json }) => json).join(',')));
    // What is worth another try (OTLP specification, "Failures"); 0 is no answer at all.
    if ([0, 429, 502, 503, 504].includes(status)) return false;
    this.#forget(batches.length);
    if (status >= 200 && status < 300) this.sent += count;
    else this.dropped += count;
    return true;
  }

  /** What the next post takes. It stays in the queue until it is sent, or refused for good. */
  #front(): { batches: readonly SpanTexts[]; count: number } {
    let count = 0;
    let taken = 0;
    while (taken < this.#queue.length && (taken === 0 || count + this.#queue[taken]!.count <= mostPerPost))
      count += this.#queue[taken++]!.count;
    return { batches: this.#queue.slice(0, taken), count };
  }

  #forget(batches: number): void {
    for (const { json, count } of this.#queue.splice(0, batches)) {
      this.#queued -= count;
      this.#queuedLength -= json.length;
    }
  }

  async #post(body: string): Promise<number> {
    const send = await this.#sender();
    return new Promise((resolve) => {
      const outgoing = send(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        timeout: timeoutMs,
        signal: this.#givingUp.signal,
      });
      outgoing.on('response', (incoming) => {
        incoming.resume();
        incoming.on('end', () => resolve(incoming.statusCode ?? 0));
        incoming.on('error', () => resolve(0));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
      outgoing.on('error', () => resolve(0));
      outgoing.end(body);
    });
  }

  /** TLS costs 4 MB of memory, so it is loaded only for an https endpoint. */
  async #sender(): Promise<(url: URL, options: RequestOptions) => ClientRequest> {
    if (this.#url.protocol !== 'https:') return (url, options) => http.request(url, { ...options, agent: this.#agent });
    const https = await import('node:https');
    return (url, options) => https.request(url, options);
  }
}
