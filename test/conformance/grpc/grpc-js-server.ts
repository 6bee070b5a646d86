import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';
import {
  type EchoStatus,
  type Empty,
  echoedFinally,
  echoedInitially,
  type InputRequest,
  type InputResponse,
  type OutputRequest,
  type OutputResponse,
  payloadOf,
  type SimpleRequest,
  type SimpleResponse,
  TestService,
} from './test-service.ts';

/** The test service on grpc-js; resolves with its port. */
export async function startGrpcJsServer(t: Owner): Promise<number> {
  const server = new grpc.Server();
  server.addService(TestService.service, {
    emptyCall,
    unaryCall,
    streamingInputCall,
    streamingOutputCall,
    fullDuplexCall,
  });
  t.teardown(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

const emptyCall: grpc.handleUnaryCall<Empty, Empty> = (_, done) => done(null, {});

const unaryCall: grpc.handleUnaryCall<SimpleRequest, SimpleResponse> = (call, done) => {
  echoInitial(call);
  const { responseStatus, responseSize = 0 } = call.request;
  if (isError(responseStatus)) done(errorOf(responseStatus));
  else done(null, { payload: payloadOf(responseSize) }, finalMetadata(call));
};

const streamingInputCall: grpc.handleClientStreamingCall<InputRequest, InputResponse> = (call, done) => {
  let aggregatedPayloadSize = 0;
  call.on('data', ({ payload }: InputRequest) => {
    aggregatedPayloadSize += payload?.body.length ?? 0;
  });
  call.on('end', () => done(null, { aggregatedPayloadSize }));
};

const streamingOutputCall: grpc.handleServerStreamingCall<OutputRequest, OutputResponse> = async (call) => {
  await sendAll(call, call.request);
  call.end();
};

const fullDuplexCall: grpc.handleBidiStreamingCall<OutputRequest, OutputResponse> = (call) => {
  echoInitial(call);
  let isOver = false;
  call.on('data', async (request: OutputRequest) => {
    if (isOver) return;
    if (isError(request.responseStatus)) {
      isOver = true;
      call.emit('error', errorOf(request.responseStatus));
      return;
    }
    call.pause(); // so that answers come in the order of their requests
    await sendAll(call, request);
    call.resume();
  });
  call.on('end', () => {
    if (!isOver) call.end(finalMetadata(call));
  });
};

async function sendAll(
  call: { write(response: OutputResponse): unknown },
  { responseParameters = [] }: OutputRequest,
): Promise<void> {
  for (const { size, intervalUs = 0 } of responseParameters) {
    if (intervalUs > 0) await new Promise((resolve) => setTimeout(resolve, intervalUs / 1000));
    call.write({ payload: payloadOf(size) });
  }
}

type EchoingCall = { readonly metadata: grpc.Metadata; sendMetadata(metadata: grpc.Metadata): void };

function echoInitial(call: EchoingCall): void {
  const metadata = copyOf(call, echoedInitially);
  if (metadata.get(echoedInitially).length > 0) call.sendMetadata(metadata);
}

function finalMetadata(call: EchoingCall): grpc.Metadata {
  return copyOf(call, echoedFinally);
}

function copyOf({ metadata }: EchoingCall, name: string): grpc.Metadata {
  const copy = new grpc.Metadata();
  for (const value of metadata.get(name)) copy.add(name, value);
  return copy;
}

function isError(status: EchoStatus | null | undefined): status is EchoStatus {
  return status !== null && status !== undefined && status.code !== 0;
}

function errorOf({ code, message }: EchoStatus): Partial<grpc.StatusObject> {
  return { code, details: message };
}
