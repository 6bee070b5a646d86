import type { Attributes, Span, SpanKind, SpanLink } from './span.ts';
import type { Trace, TraceStore } from './trace-store.ts';

/** Which traces a list shows; what is absent does not restrict. */
export type TraceFilter = {
  readonly service?: string;
  readonly minDurationMs?: number;
  readonly maxDurationMs?: number;
  /** Only traces with (true) or without (false) a failed span. */
  readonly error?: boolean;
  /** Bounds of the trace's start, milliseconds since the epoch. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly limit: number;
};

export type TraceSummary = {
  readonly traceId: string;
  readonly root: { readonly name: string; readonly service: string };
  /** Milliseconds since the epoch, with fraction. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly spanCount: number;
  readonly services: readonly string[];
  readonly error: boolean;
};

export type SpanView = {
  readonly spanId: string;
  /** Empty for a span without a parent. */
  readonly parentSpanId: string;
  /** The span names a parent that has not come in (yet). */
  readonly isParentMissing: boolean;
  readonly depth: number;
  readonly name: string;
  readonly service: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  /** From the start of the trace. */
  readonly offsetMs: number;
  readonly durationMs: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly error: boolean;
  readonly status: { readonly code: Span['status']; readonly message: string };
  readonly scope: string;
  readonly attributes: Attributes;
  readonly resource: Attributes;
  readonly events: readonly { name: string; offsetMs: number; attributes: Attributes }[];
  readonly links: readonly SpanLink[];
};

export type TraceView = TraceSummary & { readonly spans: readonly SpanView[] };

/** The traces that pass the filter, latest start first. */
export function listTraces(store: TraceStore, filter: TraceFilter): TraceSummary[] {
  const passing: Trace[] = [];
  for (const trace of store.traces()) if (passes(trace, filter)) passing.push(trace);
  passing.sort((a, b) => compareNanos(b.startNanos, a.startNanos));
  return passing.slice(0, filter.limit).map(summarize);
}

/** All services that have a span here, by name, with the number of traces they are in. */
export function listServices(store: TraceStore): { name: string; traceCount: number; spanCount: number }[] {
  const found = new Map<string, { name: string; traceCount: number; spanCount: number }>();
  for (const trace of store.traces()) {
    for (const [name, spans] of trace.services) {
      const entry = found.get(name) ?? { name, traceCount: 0, spanCount: 0 };
      entry.traceCount++;
      entry.spanCount += spans;
      found.set(name, entry);
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The whole trace; each span comes after its parent and before its parent's next child. */
export function viewTrace(trace: Trace): TraceView {
  const spans = inDepthOrder(trace).map(
    ({ span, depth }): SpanView => ({
      spanId: span.spanId,
      parentSpanId: span.parentSpanId,
      isParentMissing: span.parentSpanId !== '' && !trace.spans.has(span.parentSpanId),
      depth,
      name: span.name,
      service: span.service,
      kind: span.kind,
      startMs: millis(span.startNanos),
      offsetMs: Number(span.startNanos - trace.startNanos) / 1e6,
      durationMs: Number(span.endNanos - span.startNanos) / 1e6,
      startTimeUnixNano: span.startNanos.toString(),
      endTimeUnixNano: span.endNanos.toString(),
      error: span.status === 'error',
      status: { code: span.status, message: span.statusMessage },
      scope: span.scope,
      attributes: span.attributes,
      resource: span.resource,
      events: span.events.map(({ name, timeNanos, attributes }) => ({
        name,
        offsetMs: Number(timeNanos - trace.startNanos) / 1e6,
        attributes,
      })),
      links: span.links,
    }),
  );
  return { ...summarize(trace), spans };
}

function passes(trace: Trace, filter: TraceFilter): boolean {
  if (filter.service !== undefined && !trace.services.has(filter.service)) return false;
  if (filter.error !== undefined && filter.error !== trace.errorCount > 0) return false;
  if (filter.minDurationMs !== undefined && trace.durationMs < filter.minDurationMs) return false;
  if (filter.maxDurationMs !== undefined && trace.durationMs > filter.maxDurationMs) return false;
  if (filter.sinceMs !== undefined && millis(trace.startNanos) < filter.sinceMs) return false;
  return filter.untilMs === undefined || millis(trace.startNanos) <= filter.untilMs;
}

function summarize(trace: Trace): TraceSummary {
  const { name, service } = trace.root;
  return {
    traceId: trace.traceId,
    root: { name, service },
    startMs: millis(trace.startNanos),
    durationMs: trace.durationMs,
    spanCount: trace.spans.size,
    services: [...trace.services.keys()].sort(),
    error: trace.errorCount > 0,
  };
}

/** Without recursion, since a peer decides how deep a trace is; spans whose parents run in a circle count as roots. */
function inDepthOrder(trace: Trace): { span: Span; depth: number }[] {
  const children = new Map<string, Span[]>();
  const roots: Span[] = [];
  const byStart = [...trace.spans.values()].sort((a, b) => compareNanos(a.startNanos, b.startNanos));
  for (const span of byStart) {
    if (!trace.spans.has(span.parentSpanId)) roots.push(span);
    else if (children.has(span.parentSpanId)) children.get(span.parentSpanId)!.push(span);
    else children.set(span.parentSpanId, [span]);
  }
  const ordered: { span: Span; depth: number }[] = [];
  const visited = new Set<Span>();
  const visit = (root: Span) => {
    const waiting = [{ span: root, depth: 0 }];
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      if (visited.has(next.span)) continue;
      visited.add(next.span);
      ordered.push(next);
      for (const child of (children.get(next.span.spanId) ?? []).toReversed())
        waiting.push({ span: child, depth: next.depth + 1 });
    }
  };
  for (const root of roots) visit(root);
  for (const span of byStart) if (!visited.has(span)) visit(span);
  return ordered;
}

/** Nanoseconds since the epoch to milliseconds; exact to the microsecond. */
function millis(nanos: bigint): number {
  return Number(nanos / 1000n) / 1000;
}

function compareNanos(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
