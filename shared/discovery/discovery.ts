import { type grpc, loadProto } from '../grpc/grpc.ts';
import type { Kind } from '../resources/resource.ts';

/** The messages of `discovery.proto` as they look in JavaScript. */
export type WireKey = { kind: Kind; name: string };
export type WireEntry = { key: WireKey; revision: number; document: Buffer };
export type WireUpdate = { revision: number; full: boolean; resources: WireEntry[]; removed: WireKey[] };
export type WireHello = { sidecar: string; service: string; version: string; revision: number };
export type WireRejection = { key: WireKey; revision: number; error: string };
export type WireAck = { revision: number; rejected: WireRejection[] };
export type WireSidecarMessage = { hello?: WireHello | null; ack?: WireAck | null };
export type WireRegistration = { document: Buffer };
export type WireInstanceName = { name: string };
export type WireLease = { revision: number; leaseSeconds: number };

type Package = { meshlane: { discovery: { v1: { Discovery: grpc.ServiceClientConstructor } } } };

const loaded = loadProto(new URL('./discovery.proto', import.meta.url)) as unknown as Package;

/** Client constructor and service definition (`DiscoveryService.service`) of the push protocol. */
export const DiscoveryService = loaded.meshlane.discovery.v1.Discovery;

export type DiscoveryClient = grpc.Client & {
  stream(): grpc.ClientDuplexStream<WireSidecarMessage, WireUpdate>;
  register(request: WireRegistration, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
  heartbeat(request: WireInstanceName, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
  deregister(request: WireInstanceName, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
};
