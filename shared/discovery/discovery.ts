import { grpc } from '../grpc/grpc.ts';
import { discoveryMethods } from './discovery-methods.ts';
import type { WireInstanceName, WireLease, WireRegistration, WireSidecarMessage, WireUpdate } from './messages.ts';

export type * from './messages.ts';

/** Service and client constructor of the push protocol for grpc-js, by which tests and benches speak it as others would. */
export const DiscoveryService = grpc.makeGenericClientConstructor(discoveryMethods, 'Discovery');

export type DiscoveryClient = grpc.Client & {
  stream(): grpc.ClientDuplexStream<WireSidecarMessage, WireUpdate>;
  register(request: WireRegistration, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
  heartbeat(request: WireInstanceName, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
  deregister(request: WireInstanceName, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
};
