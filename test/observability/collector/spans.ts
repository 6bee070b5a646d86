import { randomBytes } from 'node:crypto';
import type { Collector } from '../../../observability/collector/collector.ts';
import { encodeTraces, type WireSpan, type WireTraces } from '../../../observability/collector/otlp.ts';
import type { TraceSummary, TraceView } from '../../../observability/collector/trace-view.ts';
import type { Address } from '../../../shared/discovery/address.ts';

export const newTraceId = () => randomBytes(16).toString('hex');
export const newSpanId = () => randomBytes(8).toString('hex');

export type SpanWish = {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  /** Milliseconds after `epochMs`. */
  readonly startMs?: number;
  readonly durationMs?: number;
  readonly isError?: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
};

/** All test spans lie after this. */
export const epochMs = 1_790_000_000_000;

/** A request with these spans of one service. */
export function tracesOf(service: string, ...spans: readonly SpanWish[]): WireTraces {
  const attributes = [{ key: 'service.name', value: { stringValue: service } }];
  return {
    resourceSpans: [
      { resource: { attributes }, scopeSpans: [{ scope: { name: 'test' }, spans: spans.map(wireSpan) }] },
    ],
  };
}

function wireSpan(wish: SpanWish): WireSpan {
  const start = BigInt(epochMs) * 1_000_000n + BigInt(Math.round((wish.startMs ?? 0) * 1e6));
  return {
    traceId: Buffer.from(wish.traceId ?? newTraceId(), 'hex'),
    spanId: Buffer.from(wish.spanId ?? newSpanId(), 'hex'),
    ...(wish.parentSpanId ? { parentSpanId: Buffer.from(wish.parentSpanId, 'hex') } : {}),
    name: wish.name ?? 'work',
    kind: 2,
    startTimeUnixNano: start.toString(),
    endTimeUnixNano: (start + BigInt(Math.round((wish.durationMs ?? 1) * 1e6))).toString(),
    attributes: Object.entries(wish.attributes ?? {}).map(([key, stringValue]) => ({ key, value: { stringValue } })),
    ...(wish.isError ? { status: { code: 2, message: 'it failed' } } : {}),
  };
}

export const urlOf = ({ host, port }: Address) => `http://${host}:${port}`;

export type Post = {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
};

/** Sends a body to OTLP/HTTP; protobuf unless the headers say otherwise. */
export function post(
  collector: Pick<Collector, 'otlpHttp'>,
  { body, headers, path = '/v1/traces' }: Post,
): Promise<Response> {
  return fetch(urlOf(collector.otlpHttp) + path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', ...headers },
    body,
  });
}

/** Sends spans of one service as protobuf, and insists that they are taken. */
export async function sendSpans(
  collector: Pick<Collector, 'otlpHttp'>,
  service: string,
  ...spans: readonly SpanWish[]
): Promise<void> {
  const response = await post(collector, {
    body: encodeTraces(tracesOf(service, ...spans)) as Uint8Array<ArrayBuffer>,
  });
  if (response.status !== 200) throw new Error(`OTLP/HTTP answered ${response.status}`);
  await response.arrayBuffer();
}

export async function getTraces(collector: Collector, query = ''): Promise<TraceSummary[]> {
  const response = await fetch(`${urlOf(collector.http)}/api/traces?${query}`);
  if (!response.ok) throw new Error(`/api/traces?${query} answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { traces: TraceSummary[] }).traces;
}

/** Null when the collector does not have it. */
export async function getTrace(collector: Collector, traceId: string): Promise<TraceView | null> {
  const response = await fetch(`${urlOf(collector.http)}/api/traces/${traceId}`);
  const body = await response.json();
  return response.ok ? (body as TraceView) : null;
}

/** The value of one series on /metrics; 0 when it is not there. */
export async function metric(collector: Collector, series: string): Promise<number> {
  const text = await (await fetch(`${urlOf(collector.http)}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`meshlane_collector_${series} `));
  return line ? Number(line.split(' ').at(-1)) : 0;
}
