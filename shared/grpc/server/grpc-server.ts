/**
 * A server of gRPC on sockets of its own. The one of grpc-js spends 51 us of CPU to push one update to a client and to take
 * its answer, one over node:http2 27 to 29 us, and this one 15 to 22 us, all that a change costs beside it included, of which
 * half is the kernel's: Node's HTTP/2 crosses from JavaScript into its library and back for each write and each read, and
 * every stream of it is a Duplex. With 1,000 sidecars that is 50 ms or 20. It has what calls of a service need: deadlines,
 * flow control, limits, keepalive; not compression, which it refuses.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { type Address, listenError } from '../../discovery/address.ts';
import { takeOver } from '../../transport/open.ts';
import { peerOf } from '../../transport/peer.ts';
import { SocketTransport } from '../../transport/socket-transport.ts';
import { Connection, type ConnectionLimits } from './connection.ts';
import type { Method } from './server-call.ts';

/** By their paths. */
// biome-ignore lint/suspicious/noExplicitAny: each has messages of its own type
export type Methods = Readonly<Record<string, Method<any>>>;

export type GrpcServerOptions = ConnectionLimits & {
  readonly methods: Methods;
  readonly mostConnections: number;
  /** Makes what listens, such as a server of TLS; a plain one when it is not given. */
  readonly newListener?: (accept: (socket: Socket) => void) => Server;
  /** The flag that sets the address, for the message when it cannot be listened on. */
  readonly flag: string;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Time between two looks at who is silent (5 s). */
  readonly sweepMs?: number;
};

export type GrpcServer = {
  readonly address: Address;
  /** Takes no more connections and calls; whoever is not done within a second is cut off. */
  close(): Promise<void>;
};

/** A peer that was silent for two sweeps is asked for a sign of life, after another one it is gone: 15 s. */
const sweepsUntilPing = 2;
const sweepsUntilGone = 3;
const closingMs = 1_000;

/** Rejects with one line that names the port and the flag when it cannot listen. */
export async function startGrpcServer(options: GrpcServerOptions, address: Address): Promise<GrpcServer> {
  const connections = new Set<Connection>();
  const methods = new Map(Object.entries(options.methods));
  const { sweepMs = 5_000, newListener = newPlainListener } = options;
  const { promise: empty, resolve: onEmpty } = Promise.withResolvers<void>();
  let isClosing = false;
  const onGone = (connection: Connection) => {
    connections.delete(connection);
    if (isClosing && connections.size === 0) onEmpty();
  };
  const listener = newListener((socket) => {
    if (isClosing || connections.size >= options.mostConnections) return socket.destroy();
    const peer = peerOf(socket);
    const transport = peer.secured ? new SocketTransport(socket, socket) : takeOver(socket, 'handle');
    connections.add(new Connection(transport, peer, methods, options, options.now, onGone));
  });
  // Of connections that were taken over the listener does not hear again; under TLS, handshakes count, too.
  if (options.newListener) listener.maxConnections = options.mostConnections;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  listener.once('error', (error) => reject(listenError(error, address, options.flag)));
  listener.listen({ port: address.port, host: address.host, backlog: 4_096 }, resolve);
  await listening;
  // Counted in sweeps, so that neither a clock that jumps nor a process that was stopped takes anybody for gone.
  const sweeper = setInterval(() => {
    for (const connection of connections) {
      connection.quietSweeps++;
      if (connection.quietSweeps === sweepsUntilPing) connection.ping();
      else if (connection.quietSweeps >= sweepsUntilGone) connection.destroy();
    }
  }, sweepMs);
  sweeper.unref();
  const bound = listener.address();
  return {
    address: { host: address.host, port: typeof bound === 'object' && bound ? bound.port : address.port },
    close: async () => {
      clearInterval(sweeper);
      isClosing = true;
      listener.close();
      if (connections.size === 0) return;
      for (const connection of connections) connection.leave();
      const cut = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, closingMs);
      await empty;
      clearTimeout(cut);
    },
  };
}

function newPlainListener(accept: (socket: Socket) => void): Server {
  return createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true }, accept);
}
