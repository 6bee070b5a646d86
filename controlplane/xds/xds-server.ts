/**
 * The gRPC server of xDS: state of the world over aggregated streams. Like that of the push protocol it takes connections
 * from a listener of ours, so that one that reads nothing cannot hold up the end.
 */
import { createServer, type Socket } from 'node:net';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import { channelOptions, grpc } from '../../shared/grpc/grpc.ts';
import { aggregatedDiscovery, type WireRequest, type WireResponse } from './codec.ts';
import { type CallParts, XdsCall } from './xds-call.ts';

export type XdsServer = { readonly address: Address; close(): Promise<void> };

const lastWordsMs = 1_000;
const mostConnections = 20_000;
/** A client has one stream. */
const mostCalls = 10;
/** As many names as one may ask for, of a usual length. */
const longestMessageBytes = 4 * 1024 * 1024;

/** Serves xDS; rejects with one line that names the port and the flag when it cannot listen. */
export async function startXdsServer(parts: CallParts, address: Address): Promise<XdsServer> {
  const sockets = new Set<Socket>();
  const server = new grpc.Server({
    ...channelOptions,
    'grpc.max_receive_message_length': longestMessageBytes,
    'grpc.max_concurrent_streams': mostCalls,
  });
  server.addService(aggregatedDiscovery, {
    StreamAggregatedResources: (call: grpc.ServerDuplexStream<WireRequest, WireResponse>) => {
      new XdsCall(call, parts);
    },
  });
  const injector = server.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  listener.maxConnections = mostConnections;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  listener.once('error', (error) => reject(listenError(error, address, '--xds')));
  listener.listen(address.port, address.host, resolve);
  await listening;
  const bound = listener.address();
  return {
    address: { host: address.host, port: typeof bound === 'object' && bound ? bound.port : address.port },
    close: async () => {
      const closed = new Promise<void>((done) => listener.close(() => done()));
      injector.destroy();
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, lastWordsMs);
      await closed;
      clearTimeout(cut);
      server.forceShutdown();
    },
  };
}
