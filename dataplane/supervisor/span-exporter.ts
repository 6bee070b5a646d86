import type { ClientRequest, RequestOptions } from 'node:http';
import { encodeSpans } from '../../observability/tracing/otlp-json.ts';
import type { SpanRecord } from '../../observability/tracing/span.ts';
import { http } from '../../shared/http/node-http.ts';

const mostQueued = 8192;
const mostPerPost = 512;
const timeoutMs = 5000;
const retryAfterMs = 1000;

/**
 * Sends spans to an OTLP/HTTP endpoint, one post at a time. When the endpoint is slow or away the queue fills and what
 * comes then is dropped and counted: a request never waits for its span.
 */
export class SpanExporter {
  readonly #url: URL;
  readonly #resource: Readonly<Record<string, string>>;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  #queue: SpanRecord[] = [];
  #isPosting = false;
  #retryTimer: NodeJS.Timeout | null = null;
  #isClosed = false;
  sent = 0;
  dropped = 0;

  /** `endpoint` is the base URL of the collector, without `/v1/traces`. */
  constructor(endpoint: string, resource: Readonly<Record<string, string>>) {
    this.#url = new URL(endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint.replace(/\/$/, '')}/v1/traces`);
    this.#resource = resource;
  }

  add(spans: readonly SpanRecord[]): void {
    const room = mostQueued - this.#queue.length;
    this.#queue.push(...spans.slice(0, room));
    this.dropped += Math.max(0, spans.length - room);
    void this.#pump();
  }

  /** Sends what is queued, for at most a second. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#retryTimer) clearTimeout(this.#retryTimer);
    const until = performance.now() + 1000;
    while (this.#queue.length > 0 && performance.now() < until && (await this.#postNext()));
    this.#agent.destroy();
  }

  async #pump(): Promise<void> {
    if (this.#isPosting || this.#retryTimer || this.#isClosed) return;
    this.#isPosting = true;
    let isReachable = true;
    while (isReachable && this.#queue.length > 0 && !this.#isClosed) isReachable = await this.#postNext();
    this.#isPosting = false;
    if (isReachable || this.#isClosed) return;
    this.#retryTimer = setTimeout(
      () => {
        this.#retryTimer = null;
        void this.#pump();
      },
      retryAfterMs * (0.5 + Math.random()),
    );
  }

  /** False when the endpoint could not take the batch, which is then put back. */
  async #postNext(): Promise<boolean> {
    const batch = this.#queue.splice(0, mostPerPost);
    const status = await this.#post(encodeSpans(this.#resource, batch));
    if (status >= 200 && status < 300) {
      this.sent += batch.length;
      return true;
    }
    // What is worth another try (OTLP specification, "Failures"); 0 is no answer at all.
    if (![0, 429, 502, 503, 504].includes(status)) {
      this.dropped += batch.length;
      return true;
    }
    this.#queue = [...batch, ...this.#queue].slice(0, mostQueued);
    return false;
  }

  async #post(body: string): Promise<number> {
    const send = await this.#sender();
    return new Promise((resolve) => {
      const outgoing = send(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        timeout: timeoutMs,
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
