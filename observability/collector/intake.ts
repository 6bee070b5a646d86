import type { SpanExporter } from './exporter.ts';
import { decodeTraces, encodeTraces, type WireTraces } from './otlp.ts';
import { readTracesJson } from './read-json.ts';
import { readSpans } from './span.ts';
import type { TraceStore } from './trace-store.ts';

/** The body is not an OTLP trace request; the message says what is wrong with it. The sender must not try again. */
export class MalformedTraces extends Error {}

export type Received = { readonly rejected: number; readonly reason: string };

/** What came in over one way, counted since the start. */
export type IntakeCounts = { requests: number; malformed: number; overloaded: number; spans: number; rejected: number };
export type IntakeWay = 'grpc' | 'http-protobuf' | 'http-json';
export const intakeWays: readonly IntakeWay[] = ['grpc', 'http-protobuf', 'http-json'];

/** Where all ways in meet: reads a request, keeps its spans and hands it on to be forwarded. */
export class Intake {
  readonly counts: Readonly<Record<IntakeWay, IntakeCounts>> = {
    grpc: newCounts(),
    'http-protobuf': newCounts(),
    'http-json': newCounts(),
  };
  readonly #store: TraceStore;
  readonly #exporter: SpanExporter | null;

  constructor(store: TraceStore, exporter: SpanExporter | null) {
    this.#store = store;
    this.#exporter = exporter;
  }

  /** Takes one request. Throws MalformedTraces when nothing of it can be taken. */
  receive(body: Buffer, way: IntakeWay): Received {
    const counts = this.counts[way];
    counts.requests++;
    let traces: WireTraces;
    try {
      traces = way === 'http-json' ? readTracesJson(body.toString('utf8')) : decodeTraces(body);
    } catch (error) {
      counts.malformed++;
      const { message } = error as Error;
      throw new MalformedTraces(
        way === 'http-json' ? `not OTLP/JSON: ${message}` : `not an ExportTraceServiceRequest: ${message}`,
        { cause: error },
      );
    }
    const { spans, rejected, reason } = readSpans(traces);
    counts.spans += spans.length;
    counts.rejected += rejected;
    for (const span of spans) this.#store.add(span);
    if (this.#exporter && spans.length > 0) this.#exporter.offer(way === 'http-json' ? encodeTraces(traces) : body);
    return { rejected, reason };
  }
}

function newCounts(): IntakeCounts {
  return { requests: 0, malformed: 0, overloaded: 0, spans: 0, rejected: 0 };
}
