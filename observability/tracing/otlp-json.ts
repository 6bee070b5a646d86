import type { SpanRecord } from './span.ts';

/**
 * Spans as OTLP/HTTP JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Written out here because
 * the SDK's exporters cost a sidecar some 40 MB.
 */
const spanKind = { server: 2, client: 3 } as const;
const statusError = 2;

type Attribute = { key: string; value: { stringValue: string } | { intValue: string } };

export function encodeSpans(resource: Readonly<Record<string, string | number>>, spans: readonly SpanRecord[]): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'meshlane' }, spans: spans.map(encodeSpan) }],
      },
    ],
  });
}

function encodeSpan(span: SpanRecord): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId ? { parentSpanId: span.parentSpanId } : {}),
    name: span.name,
    kind: spanKind[span.kind],
    startTimeUnixNano: nanos(span.startMs),
    endTimeUnixNano: nanos(span.endMs),
    attributes: attributesOf(span.attributes),
    ...(span.isError ? { status: { code: statusError } } : {}),
  };
}

function attributesOf(values: Readonly<Record<string, string | number>>): Attribute[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}

/** Milliseconds with fraction to nanoseconds as text: a double cannot hold them. */
function nanos(ms: number): string {
  const whole = Math.floor(ms);
  return `${whole}${String(Math.floor((ms - whole) * 1e6)).padStart(6, '0')}`;
}
