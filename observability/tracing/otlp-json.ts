import type { SpanRecord } from './span.ts';

/**
 * Spans as OTLP/HTTP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Written out here because
 * the SDK's exporters cost a sidecar some 40 MB; as text in one go because a tree of objects, handed to another thread
 * and made into text there, costs several times as much.
 */
const spanKind = { server: 2, client: 3 } as const;
const statusError = 2;

/** Spans as text: the elements of a JSON array, without its brackets. */
export type SpanTexts = { readonly json: string; readonly count: number };

export function spanText(span: SpanRecord): string {
  const parent = span.parentSpanId === '' ? '' : `"parentSpanId":"${span.parentSpanId}",`;
  const status = span.isError ? `,"status":{"code":${statusError}}` : '';
  return (
    `{"traceId":"${span.traceId}","spanId":"${span.spanId}",${parent}"name":${JSON.stringify(span.name)},` +
    `"kind":${spanKind[span.kind]},"startTimeUnixNano":"${nanos(span.startMs)}","endTimeUnixNano":"${nanos(span.endMs)}",` +
    `"attributes":[${attributesText(span.attributes)}]${status}}`
  );
}

/** The body of a post to `/v1/traces`. */
export function tracesText(resource: Readonly<Record<string, string | number>>, spans: string): string {
  return (
    `{"resourceSpans":[{"resource":{"attributes":[${attributesText(resource)}]},` +
    `"scopeSpans":[{"scope":{"name":"meshlane"},"spans":[${spans}]}]}]}`
  );
}

export function encodeSpans(resource: Readonly<Record<string, string | number>>, spans: readonly SpanRecord[]): string {
  return tracesText(resource, spans.map(spanText).join(','));
}

function attributesText(values: Readonly<Record<string, string | number>>): string {
  let text = '';
  for (const key of Object.keys(values)) {
    const value = values[key]!;
    const typed = typeof value === 'number' ? `"intValue":"${value}"` : `"stringValue":${JSON.stringify(value)}`;
    text += `${text === '' ? '' : ','}{"key":${JSON.stringify(key)},"value":{${typed}}}`;
  }
  return text;
}

/** Milliseconds with fraction to nanoseconds as text: a double cannot hold them. */
function nanos(ms: number): string {
  const whole = Math.floor(ms);
  return `${whole}${String(Math.floor((ms - whole) * 1e6)).padStart(6, '0')}`;
}
