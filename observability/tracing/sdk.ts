/** The one door to OpenTelemetry's SDK. Import it lazily: it costs some 170 ms and 40 MB. */
import { type Attributes, context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { request } from '../../shared/http/undici.ts';
import { encodeSpans } from './otlp-json.ts';
import type { SpanRecord } from './span.ts';

export type SdkOptions = {
  /** `service.name` of the spans. */
  readonly service: string;
  readonly version: string;
  /** OTLP/HTTP base URL, such as `http://127.0.0.1:4318`. */
  readonly endpoint: string;
};

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Makes one SERVER span a request, under the caller's span when its headers tell one (W3C trace context). */
export type RequestTracer = {
  start(name: string, headers: Headers, attributes: Attributes): RequestSpan;
};
export type RequestSpan = { end(attributes: Attributes, failed: boolean): void };
export type Sdk = { readonly tracer: RequestTracer; close(): Promise<void> };

type SpanExporter = NonNullable<NodeSDKConfiguration['traceExporter']>;
type ReadableSpan = Parameters<SpanExporter['export']>[0][number];

const timeoutMs = 5_000;
const success = 0;
const failure = 1;

/** Starts the SDK of this process, for traces alone. What cannot be sent is dropped. */
export function startSdk({ service, version, endpoint }: SdkOptions): Sdk {
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const resource = { 'service.name': service, 'service.version': version };
  const sdk = new NodeSDK({
    serviceName: service,
    autoDetectResources: false,
    traceExporter: newExporter(url, resource),
    metricReaders: [],
    logRecordProcessors: [],
  });
  sdk.start();
  const tracer = trace.getTracer('meshlane');
  return {
    tracer: {
      start: (name, headers, attributes) => {
        const parent = propagation.extract(context.active(), headers);
        const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
        return {
          end: (more, failed) => {
            span.setAttributes(more);
            if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
            span.end();
          },
        };
      },
    },
    close: () => sdk.shutdown(),
  };
}

/** The spans leave through the same encoding as a sidecar's. */
function newExporter(url: string, resource: Readonly<Record<string, string>>): SpanExporter {
  return {
    export: (spans, done) => {
      const body = encodeSpans(resource, spans.map(toRecord));
      post(url, body).then(
        (status) => done(status < 300 ? { code: success } : { code: failure, error: new Error(`${url}: ${status}`) }),
        (error: unknown) => done({ code: failure, error: error as Error }),
      );
    },
    shutdown: () => Promise.resolve(),
  };
}

async function post(url: string, body: string): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const reply = await request(url, {
    method: 'POST',
    headers,
    body,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  await reply.body.dump();
  return reply.statusCode;
}

function toRecord(span: ReadableSpan): SpanRecord {
  const { traceId, spanId } = span.spanContext();
  const attributes: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(span.attributes))
    attributes[key] = typeof value === 'number' && Number.isInteger(value) ? value : String(value);
  return {
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? '',
    name: span.name,
    kind: span.kind === SpanKind.CLIENT ? 'client' : 'server',
    startMs: msOf(span.startTime),
    endMs: msOf(span.endTime),
    isError: span.status.code === SpanStatusCode.ERROR,
    attributes,
  };
}

function msOf([seconds, nanos]: readonly [number, number]): number {
  return seconds * 1000 + nanos / 1e6;
}
