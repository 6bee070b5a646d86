import type { grpc } from '../grpc/grpc.ts';
import {
  type Codec,
  instanceNameCodec,
  leaseCodec,
  registrationCodec,
  sidecarMessageCodec,
  updateCodec,
} from './messages.ts';

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
