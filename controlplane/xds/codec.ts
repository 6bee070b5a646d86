/**
 * The messages of xDS as plain objects, with the field names of the protocol, and their coding. The `.proto` files beside
 * this one have the few fields that we use. Loaded only by a control plane that serves xDS.
 */
import type { grpc } from '../../shared/grpc/grpc.ts';
import { loadProto } from '../../shared/grpc/load-proto.ts';
import { messageOf } from '../message-of.ts';

/** One message. A field that holds an Any holds the message itself, with its type as `@type`. */
export type Message = { readonly [field: string]: unknown };
export type WireAny = { readonly type_url: string; readonly value: Buffer };
export type WireNode = {
  readonly id: string;
  readonly cluster: string;
  readonly user_agent_name: string;
  readonly user_agent_version: string;
  readonly metadata: { readonly fields: Readonly<Record<string, { readonly [kind: string]: unknown }>> } | null;
};
export type WireRequest = {
  readonly version_info: string;
  readonly node: WireNode | null;
  readonly resource_names: readonly string[];
  readonly type_url: string;
  readonly response_nonce: string;
  readonly error_detail: { readonly code: number; readonly message: string } | null;
};
export type WireResponse = {
  readonly version_info: string;
  readonly resources: readonly WireAny[];
  readonly type_url: string;
  readonly nonce: string;
  readonly control_plane: { readonly identifier: string };
};

const definitions = loadProto(new URL('./proto/discovery.proto', import.meta.url), { keepCase: true });

/** The service whose streams carry all types of resources. */
export const aggregatedDiscovery = (
  at('envoy.service.discovery.v3.AggregatedDiscoveryService') as unknown as grpc.ServiceClientConstructor
).service;

const stream = aggregatedDiscovery['StreamAggregatedResources'] as grpc.MethodDefinition<WireRequest, WireResponse>;
export const { path: streamPath, responseSerialize: encodeResponse } = stream;

/** Throws a RangeError for what is no request. */
export function decodeRequest(bytes: Buffer): WireRequest {
  try {
    return stream.requestDeserialize(bytes);
  } catch (error) {
    throw new RangeError(messageOf(error), { cause: error });
  }
}

/** Codes a resource as responses carry it. */
export function encodeResource(messageType: string, message: Message): WireAny {
  const { serialize } = at(messageType) as unknown as { serialize(message: Message): Buffer };
  return { type_url: typeUrl(messageType), value: serialize(message) };
}

export function typeUrl(messageType: string): string {
  return `type.googleapis.com/${messageType}`;
}

function at(path: string): grpc.GrpcObject[string] {
  return path
    .split('.')
    .reduce<grpc.GrpcObject[string]>((within, name) => (within as grpc.GrpcObject)[name]!, definitions);
}
