import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Owner } from '../../harness/owner.ts';
import { RawClient } from './raw-client.ts';

export type RawServer = {
  readonly port: number;
  /** In the order in which they came; each says what it is told to and shows what it gets, as a caller does. */
  readonly connections: readonly RawClient[];
};

/** A server of bytes that are no HTTP. `onConnection` may speak first; nothing is said or ended by itself. */
export async function rawServer(
  t: Owner,
  onConnection: (connection: RawClient) => void = () => undefined,
): Promise<RawServer> {
  const connections: RawClient[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new RawClient(socket);
    connections.push(connection);
    t.teardown(() => socket.destroy());
    onConnection(connection);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  return { port: (server.address() as AddressInfo).port, connections };
}

/** A server that sends back what it gets, and its own end after the caller's. */
export function echoServer(t: Owner): Promise<RawServer> {
  return rawServer(t, ({ socket }) => socket.pipe(socket));
}
