import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** limits.bufferBytes over the wire: what a writer gets rid of while the reader at the other end does not read. */

const mebibyte = 1024 * 1024;
const piece = Buffer.alloc(65_536, 'x');

/** Writes for as long as bytes leave; resolves with how many left. */
async function written(socket: Socket): Promise<number> {
  const write = () => {
    while (socket.writable && socket.write(piece));
  };
  socket.on('drain', write);
  write();
  let before = -1;
  let unmoved = 0;
  await until(
    () => {
      const now = socket.bytesWritten - socket.writableLength;
      unmoved = now === before ? unmoved + 1 : 0;
      before = now;
      return unmoved === 3;
    },
    { everyMs: 300, timeoutMs: 30_000 },
  );
  return before;
}

async function origin(t: Owner): Promise<{ port: number; next(): Promise<Socket> }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // the test cuts its callers off
    sockets.push(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    next: () => until(() => sockets.at(-1)),
  };
}

/** Bytes that leave the origin for a caller that does not read, and a caller for an origin that does not. */
async function both(t: Owner, bufferBytes: number): Promise<{ download: number; upload: number }> {
  const down = await origin(t);
  const up = await origin(t);
  const resources = [...serviceAt('down', down.port), ...serviceAt('up', up.port)];
  const proxy = await staticProxy(t, { resources, spec: { limits: { bufferBytes } } });
  const reader = await rawClient(t, proxy.port);
  reader.socket.pause();
  reader.send('GET / HTTP/1.1\r\nHost: down\r\n\r\n');
  const source = await down.next();
  source.resume();
  source.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
  const download = await written(source);
  const writer = await rawClient(t, proxy.port);
  writer.send('POST / HTTP/1.1\r\nHost: up\r\nContent-Length: 1000000000\r\n\r\n');
  (await up.next()).pause();
  return { download, upload: await written(writer.socket) };
}

t.test('no more waits in the proxy than limits.bufferBytes and a read, in either direction', async (t) => {
  // Much of it waits in the buffers of the kernel, which grow as they like, so what the setting adds is what can be seen.
  const little = await both(t, 16_384);
  const much = await both(t, 64 * mebibyte);
  for (const way of ['download', 'upload'] as const) {
    const added = (much[way] - little[way]) / mebibyte;
    t.ok(added > 36 && added < 92, `${way}: ${added.toFixed(1)} MiB more for 64 MiB`);
    t.ok(
      little[way] < 20 * mebibyte,
      `${(little[way] / mebibyte).toFixed(1)} MiB with 16 KiB, most of them the kernel's`,
    );
  }
});
