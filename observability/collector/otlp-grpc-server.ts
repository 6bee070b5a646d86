import { type Address, formatAddress, listenError } from '../../shared/discovery/address.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { type Intake, MalformedTraces } from './intake.ts';
import { rawTraceService } from './otlp.ts';

/** One message, compressed or not; senders batch far below that. */
const maxMessageBytes = 16 * 1024 * 1024;
const drainMs = 2_000;

export type OtlpServer = { readonly address: Address; close(): Promise<void> };

/** Serves TraceService/Export. Throws an Error that names the port when it is taken. */
export async function serveOtlpGrpc(intake: Intake, at: Address): Promise<OtlpServer> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_concurrent_streams': 100,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.enable_channelz': 0,
  });
  server.addService(rawTraceService, {
    export: (call: grpc.ServerUnaryCall<Buffer, object>, callback: grpc.sendUnaryData<object>) => {
      try {
        const { rejected, reason } = intake.receive(call.request, 'grpc');
        callback(null, rejected === 0 ? {} : { partialSuccess: { rejectedSpans: rejected, errorMessage: reason } });
      } catch (error) {
        const code = error instanceof MalformedTraces ? grpc.status.INVALID_ARGUMENT : grpc.status.INTERNAL;
        callback({ code, details: (error as Error).message });
      }
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(formatAddress(at), grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(listenError(withSystemCode(error), at, '--otlp-grpc'));
      else resolve(bound);
    });
  });
  return {
    address: { host: at.host, port },
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.forceShutdown(), drainMs);
        server.tryShutdown(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

/** grpc-js puts the system's error into words only. */
function withSystemCode(error: Error): Error {
  const code = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL)\b/.exec(error.message)?.[1];
  return code ? Object.assign(error, { code }) : error;
}
