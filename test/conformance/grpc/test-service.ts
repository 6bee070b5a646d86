import type { grpc } from '../../../shared/grpc/grpc.ts';
import { loadProto } from '../../../shared/grpc/load-proto.ts';

/** The messages of `testing.proto`; a field that is left out when it is sent has its default when it comes. */

export type Empty = Record<string, never>;
export type Payload = { readonly body: Buffer };
export type BoolValue = { readonly value: boolean };
export type EchoStatus = { readonly code: number; readonly message: string };

export type SimpleRequest = {
  readonly responseSize?: number;
  readonly payload?: Payload | null;
  readonly responseCompressed?: BoolValue | null;
  readonly responseStatus?: EchoStatus | null;
  readonly expectCompressed?: BoolValue | null;
};
export type SimpleResponse = { readonly payload: Payload | null };

export type InputRequest = { readonly payload?: Payload | null; readonly expectCompressed?: BoolValue | null };
export type InputResponse = { readonly aggregatedPayloadSize: number };

export type ResponseParameters = {
  readonly size: number;
  readonly intervalUs?: number;
  readonly compressed?: BoolValue | null;
};
export type OutputRequest = {
  readonly responseParameters?: readonly ResponseParameters[];
  readonly payload?: Payload | null;
  readonly responseStatus?: EchoStatus | null;
};
export type OutputResponse = { readonly payload: Payload | null };

type Unary<Request, Reply> = (
  request: Request,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  done: grpc.requestCallback<Reply>,
) => grpc.ClientUnaryCall;

export type TestClient = grpc.Client & {
  readonly emptyCall: Unary<Empty, Empty>;
  readonly unaryCall: Unary<SimpleRequest, SimpleResponse>;
  readonly unimplementedCall: Unary<Empty, Empty>;
  streamingInputCall(
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: grpc.requestCallback<InputResponse>,
  ): grpc.ClientWritableStream<InputRequest>;
  streamingOutputCall(
    request: OutputRequest,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ): grpc.ClientReadableStream<OutputResponse>;
  fullDuplexCall(
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
  ): grpc.ClientDuplexStream<OutputRequest, OutputResponse>;
};
export type UnimplementedClient = grpc.Client & { readonly unimplementedCall: Unary<Empty, Empty> };

type Method = {
  readonly path: string;
  requestSerialize(message: object): Buffer;
  requestDeserialize(bytes: Buffer): object;
  responseSerialize(message: object): Buffer;
  responseDeserialize(bytes: Buffer): object;
};
type Service<Client> = {
  new (address: string, credentials: grpc.ChannelCredentials, options: grpc.ChannelOptions): Client;
  readonly service: grpc.ServiceDefinition & Readonly<Record<string, Method>>;
};
type Loaded = {
  grpc: { testing: { TestService: Service<TestClient>; UnimplementedService: Service<UnimplementedClient> } };
};

const loaded = loadProto(new URL('./testing.proto', import.meta.url)) as unknown as Loaded;
export const { TestService, UnimplementedService } = loaded.grpc.testing;

export type MethodName = 'UnaryCall' | 'StreamingInputCall' | 'StreamingOutputCall';

/** Path and codecs of a method, for those who make their own frames. */
export function methodOf(name: MethodName): Method {
  return TestService.service[name]!;
}

/** As many zeros, which is what all payloads are made of. */
export function payloadOf(size: number): Payload {
  return { body: Buffer.alloc(size) };
}

/** Metadata that a server sends back: the first as it begins to answer, the second with the status. */
export const echoedInitially = 'x-grpc-test-echo-initial';
export const echoedFinally = 'x-grpc-test-echo-trailing-bin';
