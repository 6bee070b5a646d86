import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t from 'tap';
import { takeOver } from '../../../shared/transport/open.ts';
import type { Transport } from '../../../shared/transport/transport.ts';
import { until } from '../../harness/until.ts';

const most = 1024;

t.test('so many connections have memory of their own, and one that closes leaves its place to another', async (t) => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  const transports: Transport[] = [];
  const peers: Socket[] = [];
  server.on('connection', (socket: Socket) => transports.push(takeOver(socket, 'handle')));
  await once(server, 'listening');
  t.teardown(() => {
    for (const each of [...peers, ...transports]) each.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  while (peers.length < most + 2) {
    const peer = connect(port, '127.0.0.1');
    peer.on('error', () => undefined); // one of them is reset
    peers.push(peer);
    await once(peer, 'connect');
  }
  await until(() => transports.length === most + 2);
  for (const transport of transports) {
    transport.start({
      bufferBytes: 65_536,
      onRead: () => true,
      onEnd: () => undefined,
      onDrain: () => undefined,
      onClosed: () => undefined,
    });
    transport.takeMemory();
    transport.takeMemory();
  }
  const owners = () => transports.filter(({ hasOwnMemory }) => hasOwnMemory);
  t.equal(owners().length, most);
  const [destroyed, reset] = owners();
  const others = transports.filter(({ hasOwnMemory }) => !hasOwnMemory);
  destroyed!.destroy();
  destroyed!.destroy();
  for (const other of others) other.takeMemory();
  t.same(
    others.map(({ hasOwnMemory }) => hasOwnMemory),
    [true, false],
  );
  reset!.reset();
  others[1]!.takeMemory();
  t.ok(others[1]!.hasOwnMemory);
});
