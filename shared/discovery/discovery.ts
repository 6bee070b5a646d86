import { grpc } from '../grpc/grpc.ts';
import {
  type Codec,
  instanceNameCodec,
  leaseCodec,
  registrationCodec,
  sidecarMessageCodec,
  updateCodec,
  type WireInstanceName,
  type WireLease,
  type WireRegistration,
  type WireSidecarMessage,
  type WireUpdate,
} from './messages.ts';

export type * from './messages.ts';

function method<Request, Reply>(name: string, request: Codec<Request>, reply: Codec<Reply>, isStream: boolean) {
  return {
    originalName: name.toLowerCase(),
    path: `/meshlane.discovery.v1.Discovery/${name}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: reply.encode,
    responseDeserialize: reply.decode,
  } satisfies grpc.MethodDefinition<Request, Reply>;
}

/** The methods of the service in `discovery.proto`, beside this file. */
export const discoveryMethods = {
  Stream: method('Stream', sidecarMessageCodec, updateCodec, true),
  Register: method('Register', registrationCodec, leaseCodec, false),
  Heartbeat: method('Heartbeat', instanceNameCodec, leaseCodec, false),
  Deregister: method('Deregister', instanceNameCodec, leaseCodec, false),
};

/** Client constructor of the push protocol. */
export const DiscoveryService = grpc.makeGenericClientConstructor(discoveryMethods, 'Discovery');

export type DiscoveryClient = grpc.Client & {
  stream(): grpc.ClientDuplexStream<WireSidecarMessage, WireUpdate>;
  register(request: WireRegistration, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
  heartbeat(request: WireInstanceName, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
  deregister(request: WireInstanceName, callback: grpc.requestCallback<WireLease>): grpc.ClientUnaryCall;
};
