import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';
import type { CaseName } from './cases.ts';
import type { Case, Channel } from './grpc-js-cases/call.ts';
import {
  clientCompressedStreaming,
  clientCompressedUnary,
  serverCompressedStreaming,
  serverCompressedUnary,
} from './grpc-js-cases/compressed.ts';
import {
  cancelAfterBegin,
  cancelAfterFirstResponse,
  customMetadata,
  specialStatusMessage,
  statusCodeAndMessage,
  timeoutOnSleepingServer,
  unimplementedMethod,
  unimplementedService,
} from './grpc-js-cases/endings.ts';
import { clientStreaming, emptyStream, pingPong, serverStreaming } from './grpc-js-cases/streaming.ts';
import { concurrentLargeUnary, emptyUnary, largeUnary, rpcSoak } from './grpc-js-cases/unary.ts';
import { TestService, UnimplementedService } from './test-service.ts';

export const grpcJsCases: Readonly<Record<CaseName, Case>> = {
  empty_unary: emptyUnary,
  large_unary: largeUnary,
  client_streaming: clientStreaming,
  server_streaming: serverStreaming,
  ping_pong: pingPong,
  empty_stream: emptyStream,
  custom_metadata: customMetadata,
  status_code_and_message: statusCodeAndMessage,
  special_status_message: specialStatusMessage,
  unimplemented_method: unimplementedMethod,
  unimplemented_service: unimplementedService,
  cancel_after_begin: cancelAfterBegin,
  cancel_after_first_response: cancelAfterFirstResponse,
  timeout_on_sleeping_server: timeoutOnSleepingServer,
  rpc_soak: rpcSoak,
  concurrent_large_unary: concurrentLargeUnary,
  client_compressed_unary: clientCompressedUnary,
  client_compressed_streaming: clientCompressedStreaming,
  server_compressed_unary: serverCompressedUnary,
  server_compressed_streaming: serverCompressedStreaming,
};

/** Connections of grpc-js to a port; they ask for the service `app`. */
export function openChannel(t: Owner, port: number): Channel {
  const address = `127.0.0.1:${port}`;
  const credentials = grpc.credentials.createInsecure();
  const options = {
    'grpc.default_authority': 'app',
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
  };
  const channel = {
    test: new TestService(address, credentials, options),
    compressing: new TestService(address, credentials, {
      ...options,
      'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
    }),
    unimplemented: new UnimplementedService(address, credentials, options),
  };
  t.teardown(() => {
    for (const client of Object.values(channel)) client.close();
  });
  return channel;
}
