import type { Address } from '../../shared/discovery/address.ts';
import { channelOptions, grpc } from '../../shared/grpc/grpc.ts';
import { Pool } from '../../shared/http/undici.ts';
import { decodeAnswer, rawTraceService, readRetryDelayMs, type WireAnswer } from './otlp.ts';

/** How the endpoint took a request. `again`: try later, at the earliest after `afterMs`. */
export type Delivery =
  | { readonly outcome: 'taken'; readonly rejectedSpans: number }
  | { readonly outcome: 'again'; readonly reason: string; readonly afterMs: number }
  | { readonly outcome: 'refused'; readonly reason: string };

/** An OTLP endpoint that requests are forwarded to, as protobuf bytes. */
export type ExportTarget = {
  readonly url: string;
  /** Sends one ExportTraceServiceRequest; gives up after 10 s. Never throws; a fired `signal` gives `again`. */
  send(body: Buffer, signal: AbortSignal): Promise<Delivery>;
  close(): Promise<void>;
};

const attemptTimeoutMs = 10_000;
const longestAnswerBytes = 64 * 1024;

/** Reads `http(s)://HOST:PORT[/PATH]` or `grpc(s)://HOST:PORT`. Throws an Error that says what is wrong with it. */
export function openExportTarget(text: string): ExportTarget {
  const url = readExportUrl(text);
  return url.protocol.startsWith('grpc') ? new GrpcTarget(url) : new HttpTarget(url);
}

/** Where the URL leads, for comparing it with our own addresses. */
export function exportAddress(text: string): Address {
  const url = readExportUrl(text);
  const usual = { 'http:': 80, 'https:': 443 }[url.protocol] ?? 4317;
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? usual : Number(url.port) };
}

function readExportUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:', 'grpc:', 'grpcs:'].includes(url.protocol) || url.hostname === '')
    throw new Error(
      `--export must be http://HOST:PORT, https://HOST:PORT, grpc://HOST:PORT or grpcs://HOST:PORT; got "${text}"`,
    );
  return url;
}

class HttpTarget implements ExportTarget {
  readonly url: string;
  readonly #path: string;
  readonly #pool: Pool;

  constructor(url: URL) {
    const base = url.pathname.replace(/\/+$/, '');
    this.#path = base.endsWith('/v1/traces') ? base : `${base}/v1/traces`;
    this.url = `${url.origin}${this.#path}`;
    this.#pool = new Pool(url.origin, { connections: 2, connect: { timeout: 5_000 } });
  }

  async send(body: Buffer, signal: AbortSignal): Promise<Delivery> {
    try {
      const response = await this.#pool.request({
        method: 'POST',
        path: this.#path,
        headers: { 'content-type': 'application/x-protobuf' },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(attemptTimeoutMs)]),
      });
      const answer = await readAnswer(response.body);
      const { statusCode, headers } = response;
      if (statusCode >= 200 && statusCode < 300) return { outcome: 'taken', rejectedSpans: rejectedIn(answer) };
      const reason = `HTTP ${statusCode}`;
      // The statuses that OTLP calls retryable; all others would be refused again.
      if (![429, 502, 503, 504].includes(statusCode)) return { outcome: 'refused', reason };
      return { outcome: 'again', reason, afterMs: retryAfterMs(headers['retry-after']) };
    } catch (error) {
      return { outcome: 'again', reason: describe(error), afterMs: 0 };
    }
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

async function readAnswer(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > longestAnswerBytes) throw new Error(`an answer of more than ${longestAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Some endpoints answer with text or JSON: then they took everything, as far as we know. */
function rejectedIn(answer: Buffer): number {
  try {
    return rejectedOf(decodeAnswer(answer));
  } catch {
    return 0;
  }
}

function rejectedOf({ partialSuccess }: WireAnswer): number {
  return Number(partialSuccess?.rejectedSpans ?? 0);
}

/** `Retry-After` is seconds or a date (RFC 9110 §10.2.3); 0 when absent or not understood. */
function retryAfterMs(header: string | string[] | undefined): number {
  if (typeof header !== 'string') return 0;
  const ms = /^[0-9]{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

const RpcClient = grpc.makeGenericClientConstructor(rawTraceService, 'TraceService');
type RpcClient = grpc.Client & {
  export(
    request: Buffer,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<WireAnswer>,
  ): grpc.ClientUnaryCall;
};

class GrpcTarget implements ExportTarget {
  readonly url: string;
  readonly #client: RpcClient;

  constructor(url: URL) {
    const authority = url.port === '' ? `${url.hostname}:4317` : url.host;
    this.url = `${url.protocol}//${authority}`;
    const credentials = url.protocol === 'grpcs:' ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    // The queue decides when to try again, so the channel need not be slower than it.
    const options = { ...channelOptions, 'grpc.max_reconnect_backoff_ms': 5_000 };
    this.#client = new RpcClient(authority, credentials, options) as unknown as RpcClient;
  }

  send(body: Buffer, signal: AbortSignal): Promise<Delivery> {
    return new Promise((resolve) => {
      const deadline = Date.now() + attemptTimeoutMs;
      const call = this.#client.export(body, new grpc.Metadata(), { deadline }, (error, answer) => {
        signal.removeEventListener('abort', cancel);
        resolve(error ? deliveryOf(error) : { outcome: 'taken', rejectedSpans: rejectedOf(answer ?? {}) });
      });
      const cancel = () => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
    });
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

/** The codes that OTLP calls retryable; RESOURCE_EXHAUSTED is only when the endpoint says after how long. */
function deliveryOf({ code, details, metadata }: grpc.ServiceError): Delivery {
  const reason = `gRPC ${grpc.status[code]}: ${details}`;
  const { CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS, RESOURCE_EXHAUSTED } =
    grpc.status;
  const askedMs = retryDelayMs(metadata);
  const isRetryable =
    [CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS].includes(code) ||
    (code === RESOURCE_EXHAUSTED && askedMs !== null);
  return isRetryable ? { outcome: 'again', reason, afterMs: askedMs ?? 0 } : { outcome: 'refused', reason };
}

function retryDelayMs(metadata: grpc.Metadata): number | null {
  const details = metadata.get('grpc-status-details-bin')[0];
  if (!Buffer.isBuffer(details)) return null;
  try {
    return readRetryDelayMs(details);
  } catch {
    return null; // details that nobody can read ask for nothing
  }
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}
