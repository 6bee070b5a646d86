/**
 * OTLP messages between bytes and objects. 64-bit integers are decimal text (nanoseconds since the epoch do not fit
 * into a double), ids are bytes, enums numbers, and what was not on the wire is absent.
 */
import type { grpc } from '../../shared/grpc/grpc.ts';
import { loadProto } from '../../shared/grpc/load-proto.ts';

export type WireValue = {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number;
  arrayValue?: { values?: WireValue[] };
  kvlistValue?: { values?: WireAttribute[] };
  bytesValue?: Buffer;
};
export type WireAttribute = { key?: string; value?: WireValue };
export type WireEvent = {
  timeUnixNano?: string;
  name?: string;
  attributes?: WireAttribute[];
  droppedAttributesCount?: number;
};
export type WireLink = {
  traceId?: Buffer;
  spanId?: Buffer;
  traceState?: string;
  attributes?: WireAttribute[];
  droppedAttributesCount?: number;
  flags?: number;
};
export type WireSpan = {
  traceId?: Buffer;
  spanId?: Buffer;
  traceState?: string;
  parentSpanId?: Buffer;
  name?: string;
  kind?: number;
  startTimeUnixNano?: string;
  endTimeUnixNano?: string;
  attributes?: WireAttribute[];
  droppedAttributesCount?: number;
  events?: WireEvent[];
  droppedEventsCount?: number;
  links?: WireLink[];
  droppedLinksCount?: number;
  status?: { message?: string; code?: number };
  flags?: number;
};
export type WireScope = {
  name?: string;
  version?: string;
  attributes?: WireAttribute[];
  droppedAttributesCount?: number;
};
export type WireScopeSpans = { scope?: WireScope; spans?: WireSpan[]; schemaUrl?: string };
export type WireResource = { attributes?: WireAttribute[]; droppedAttributesCount?: number };
export type WireResourceSpans = { resource?: WireResource; scopeSpans?: WireScopeSpans[]; schemaUrl?: string };
export type WireTraces = { resourceSpans?: WireResourceSpans[] };
export type WireAnswer = { partialSuccess?: { rejectedSpans?: string | number; errorMessage?: string } };
export type WireRpcStatus = { code?: number; message?: string; details?: { typeUrl?: string; value?: Buffer }[] };

type Message<T> = { serialize(value: T): Buffer; deserialize(bytes: Buffer): T };
type Loaded = {
  opentelemetry: {
    proto: {
      collector: {
        trace: {
          v1: {
            TraceService: { service: { Export: grpc.MethodDefinition<WireTraces, WireAnswer> } };
            ExportTraceServiceRequest: Message<WireTraces>;
            ExportTraceServiceResponse: Message<WireAnswer>;
            RpcStatus: Message<WireRpcStatus>;
            RetryInfo: Message<{ retryDelay?: { seconds?: string; nanos?: number } }>;
          };
        };
      };
    };
  };
};

const options = { longs: String, enums: Number, defaults: false, oneofs: false };
const messages = (loadProto(new URL('./otlp.proto', import.meta.url), options) as unknown as Loaded).opentelemetry.proto
  .collector.trace.v1;

/** Reads an ExportTraceServiceRequest; throws when the bytes are not one. */
export const decodeTraces = (bytes: Buffer): WireTraces => messages.ExportTraceServiceRequest.deserialize(bytes);
export const encodeTraces = (traces: WireTraces): Buffer => messages.ExportTraceServiceRequest.serialize(traces);
export const decodeAnswer = (bytes: Buffer): WireAnswer => messages.ExportTraceServiceResponse.deserialize(bytes);
export const encodeAnswer = (answer: WireAnswer): Buffer => messages.ExportTraceServiceResponse.serialize(answer);
export const encodeRpcStatus = (status: WireRpcStatus): Buffer => messages.RpcStatus.serialize(status);

/** TraceService whose requests stay bytes on both sides, so that they can be forwarded as they came. */
export const rawTraceService = {
  export: {
    ...messages.TraceService.service.Export,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
  },
} satisfies grpc.ServiceDefinition;

/** The delay that a `grpc-status-details-bin` asks for in a RetryInfo, in milliseconds; null when there is none. */
export function readRetryDelayMs(details: Buffer): number | null {
  for (const { typeUrl, value } of messages.RpcStatus.deserialize(details).details ?? []) {
    if (!typeUrl?.endsWith('/google.rpc.RetryInfo') || !value) continue;
    const { seconds, nanos } = messages.RetryInfo.deserialize(value).retryDelay ?? {};
    return Number(seconds ?? 0) * 1000 + (nanos ?? 0) / 1e6;
  }
  return null;
}
