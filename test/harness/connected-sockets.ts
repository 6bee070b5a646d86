import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Owner } from './owner.ts';

/** A connection between a socket as a listener accepts it, and one that may be half open. */
export async function connectedSockets(t: Owner): Promise<{ accepted: Socket; calling: Socket }> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const calling = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(calling, 'connect')])) as [
    [Socket],
    unknown,
  ];
  server.close();
  t.teardown(() => {
    calling.destroy();
    accepted.destroy();
  });
  return { accepted, calling };
}
