import type {
  WireAttribute,
  WireEvent,
  WireLink,
  WireResource,
  WireScopeSpans,
  WireSpan,
  WireTraces,
  WireValue,
} from './otlp.ts';

export type AttributeValue =
  | string
  | number
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };
export type Attributes = { readonly [key: string]: AttributeValue };
export type SpanKind = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';
export type SpanEvent = { readonly name: string; readonly timeNanos: bigint; readonly attributes: Attributes };
export type SpanLink = { readonly traceId: string; readonly spanId: string };

/** A span as the collector keeps it. */
export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty when the span has no parent. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  /** `service.name` of its resource. */
  readonly service: string;
  readonly scope: string;
  /** Nanoseconds since the epoch. */
  readonly startNanos: bigint;
  /** Never before the start. */
  readonly endNanos: bigint;
  readonly status: 'unset' | 'ok' | 'error';
  readonly statusMessage: string;
  readonly attributes: Attributes;
  /** Shared by all spans of one resource. */
  readonly resource: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
  /** What it costs to keep, estimated; a shared resource is counted in full for each of its spans. */
  readonly sizeBytes: number;
};

/** The spans of one request that can be kept, and why the others cannot. */
export type ReadSpans = { readonly spans: readonly Span[]; readonly rejected: number; readonly reason: string };

/** What is kept of a span for people to look at; what is forwarded is never cut. */
const mostAttributes = 128;
const mostEvents = 128;
const mostLinks = 128;
const longestText = 4096;
const mostListItems = 128;
const deepestValue = 6;
const spanOverheadBytes = 512;

const kinds: readonly SpanKind[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const statuses = ['unset', 'ok', 'error'] as const;

export function readSpans(traces: WireTraces): ReadSpans {
  const spans: Span[] = [];
  let rejected = 0;
  let reason = '';
  for (const { resource, scopeSpans } of traces.resourceSpans ?? []) {
    const origin = readOrigin(resource);
    for (const group of scopeSpans ?? []) {
      for (const wire of group.spans ?? []) {
        const fault = faultOf(wire);
        if (fault === '') spans.push(readSpan(wire, group, origin));
        else {
          rejected++;
          reason ||= fault;
        }
      }
    }
  }
  return { spans, rejected, reason };
}

type Origin = { readonly service: string; readonly resource: Attributes; readonly sizeBytes: number };

function readOrigin(resource: WireResource | undefined): Origin {
  const meter = { bytes: 0 };
  const attributes = readAttributes(resource?.attributes, meter);
  const name = attributes['service.name'];
  return {
    service: typeof name === 'string' && name !== '' ? name : 'unknown_service',
    resource: attributes,
    sizeBytes: meter.bytes,
  };
}

function faultOf({ traceId, spanId, parentSpanId, name }: WireSpan): string {
  if (!isId(traceId, 16)) return `span "${cut(name ?? '', 80)}": traceId must be 16 bytes that are not all zero`;
  if (!isId(spanId, 8)) return `span "${cut(name ?? '', 80)}": spanId must be 8 bytes that are not all zero`;
  if (parentSpanId && parentSpanId.length !== 0 && parentSpanId.length !== 8)
    return `span "${cut(name ?? '', 80)}": parentSpanId must be 8 bytes or absent`;
  return '';
}

function isId(bytes: Buffer | undefined, length: number): bytes is Buffer {
  return bytes?.length === length && bytes.some((byte) => byte !== 0);
}

function readSpan(wire: WireSpan, group: WireScopeSpans, origin: Origin): Span {
  const meter = { bytes: spanOverheadBytes + origin.sizeBytes };
  const startNanos = BigInt(wire.startTimeUnixNano ?? 0);
  const endNanos = BigInt(wire.endTimeUnixNano ?? 0);
  const parent = wire.parentSpanId;
  return {
    traceId: wire.traceId!.toString('hex'),
    spanId: wire.spanId!.toString('hex'),
    parentSpanId: parent?.some((byte) => byte !== 0) ? parent.toString('hex') : '',
    name: readText(wire.name, meter),
    kind: kinds[wire.kind ?? 0] ?? 'unspecified',
    service: origin.service,
    scope: readText(group.scope?.name, meter),
    startNanos,
    endNanos: endNanos < startNanos ? startNanos : endNanos,
    status: statuses[wire.status?.code ?? 0] ?? 'unset',
    statusMessage: readText(wire.status?.message, meter),
    attributes: readAttributes(wire.attributes, meter),
    resource: origin.resource,
    events: (wire.events ?? []).slice(0, mostEvents).map((event) => readEvent(event, meter)),
    links: (wire.links ?? []).slice(0, mostLinks).map((link) => readLink(link, meter)),
    sizeBytes: meter.bytes,
  };
}

type Meter = { bytes: number };

function readEvent(wire: WireEvent, meter: Meter): SpanEvent {
  meter.bytes += 64;
  return {
    name: readText(wire.name, meter),
    timeNanos: BigInt(wire.timeUnixNano ?? 0),
    attributes: readAttributes(wire.attributes, meter),
  };
}

function readLink(wire: WireLink, meter: Meter): SpanLink {
  meter.bytes += 128;
  return { traceId: wire.traceId?.toString('hex') ?? '', spanId: wire.spanId?.toString('hex') ?? '' };
}

function readAttributes(wire: readonly WireAttribute[] | undefined, meter: Meter, depth = 0): Attributes {
  // Without a prototype, so that a key such as __proto__ is nothing but a key.
  const attributes: Record<string, AttributeValue> = Object.create(null);
  for (const { key, value } of (wire ?? []).slice(0, mostAttributes)) {
    meter.bytes += 48;
    attributes[readText(key, meter)] = readValue(value, meter, depth);
  }
  return attributes;
}

function readValue(value: WireValue | undefined, meter: Meter, depth: number): AttributeValue {
  if (value === undefined) return null;
  if (value.stringValue !== undefined) return readText(value.stringValue, meter);
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : value.intValue;
  }
  if (value.doubleValue !== undefined)
    return Number.isFinite(value.doubleValue) ? value.doubleValue : String(value.doubleValue);
  if (value.bytesValue !== undefined)
    return readText(value.bytesValue.subarray(0, longestText).toString('base64'), meter);
  if (depth >= deepestValue) return '(nested too deep to show)';
  if (value.arrayValue !== undefined) {
    const values = (value.arrayValue.values ?? []).slice(0, mostListItems);
    meter.bytes += 16 * values.length;
    return values.map((item) => readValue(item, meter, depth + 1));
  }
  if (value.kvlistValue !== undefined) return readAttributes(value.kvlistValue.values, meter, depth + 1);
  return null;
}

function readText(text: string | undefined, meter: Meter): string {
  const kept = cut(text ?? '', longestText);
  meter.bytes += 2 * kept.length;
  return kept;
}

/** Copies what it cuts out: a slice alone would keep the whole text, up to the 16 MB of a request, in memory. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : Buffer.from(`${text.slice(0, length - 1)}…`, 'utf8').toString('utf8');
}
