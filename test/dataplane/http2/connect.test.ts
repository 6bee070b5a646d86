import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t from 'tap';
import { type Frame, FrameType } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { dataFrame, headersFrame, rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';

/** CONNECT over HTTP/2 (RFC 9113 §8.5): each stream can be a tunnel. */

const listeners = [{ name: 'out', port: 0, connect: true }];

/** A server of bytes that hands over each connection. */
async function server(t: Owner, onConnection: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const listening = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // tunnels are broken on purpose
    t.teardown(() => socket.destroy());
    onConnection(socket);
  });
  listening.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.teardown(() => listening.close());
  return { port: (listening.address() as AddressInfo).port, sockets };
}

const echo = (socket: Socket) => {
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('end', () => socket.end('bye'));
};

function connect(client: FrameClient, authority: string): number {
  const stream = client.nextStream();
  client.send(
    headersFrame(
      stream,
      headerBlock([
        [':method', 'CONNECT'],
        [':authority', authority],
      ]),
    ),
  );
  return stream;
}

const dataOf = (frames: readonly Frame[], stream: number) =>
  Buffer.concat(frames.filter((one) => one.type === FrameType.data && one.stream === stream).map((one) => one.payload));

const opened = (client: FrameClient, stream: number) =>
  client.frame(FrameType.headers, (frame) => frame.stream === stream && frame.fields !== null);

const quiet = (proxy: StaticProxy) => until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);

t.test('a tunnel carries bytes both ways, also early ones, beside requests and other tunnels', async (t) => {
  const { port } = await server(t, echo);
  const app = await scriptedOrigin(t, () => reply('fine'));
  const resources = [...serviceAt('db', port), ...serviceAt('app', app.port)];
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  const client = await frameClient(t, proxy.port);
  const tunnels = [connect(client, `db:${port}`), connect(client, `db:${port}`)];
  for (const stream of tunnels) client.send(dataFrame(stream, `early on ${stream}`));
  t.match(await client.reply(client.request(requestFields('GET'))), { status: 200 });
  for (const stream of tunnels) {
    const { fields } = await opened(client, stream);
    t.strictSame(fields, [[':status', '200']]);
    client.send(dataFrame(stream, ', and late', { endStream: true }));
    const answer = await client.reply(stream);
    t.match(answer, { end: 'whole' });
    t.equal(answer.body.toString(), `early on ${stream}, and latebye`);
  }
  await quiet(proxy);
});

t.test('a tunnel that is not opened is a reply, and the connection goes on', async (t) => {
  const { port } = await server(t, echo);
  const closed = await server(t, echo);
  const resources = [...serviceAt('db', port), ...serviceAt('away', closed.port)];
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  const client = await frameClient(t, proxy.port);
  for (const [authority, status] of [
    [`db:${closed.port}`, 403],
    [`nobody:${port}`, 404],
    ['db', 400],
  ] as const)
    t.match(await client.reply(connect(client, authority)), { status, end: 'whole' }, authority);
  await opened(client, connect(client, `db:${port}`));
});

t.test('a break on either side of a tunnel is one on the other, and on nothing else', async (t) => {
  const { port, sockets } = await server(t, () => undefined);
  const proxy = await staticProxy(t, { resources: serviceAt('db', port), spec: { listeners } });
  const client = await frameClient(t, proxy.port);
  const [first, second] = [connect(client, `db:${port}`), connect(client, `db:${port}`)];
  await opened(client, first);
  await opened(client, second);
  sockets[0]!.resume();
  client.send(rstStreamFrame(first, 'CANCEL'));
  await until(() => sockets[0]!.destroyed);
  sockets[1]!.resetAndDestroy();
  t.match(await client.reply(second), { end: 'reset' });
  const third = connect(client, `db:${port}`);
  await opened(client, third);
  client.send(rstStreamFrame(third, 'CANCEL'));
  await quiet(proxy);
});

t.test(
  'the end of a tunnel that its instance still has to take says nothing about the next request of its connection',
  async (t) => {
    const held: OriginRequest[] = [];
    const { port, sockets } = await server(t, (socket) => socket.pause());
    const app = await scriptedOrigin(t, (request) => void held.push(request));
    const resources = [...serviceAt('db', port), ...serviceAt('app', app.port)];
    const proxy = await staticProxy(t, { resources, spec: { listeners } });
    const client = await frameClient(t, proxy.port);
    const tunnel = connect(client, `db:${port}`);
    await opened(client, tunnel);
    // As much as the kernel takes, and then some that has to wait in the proxy.
    const granted = () =>
      client.frames.reduce(
        (sum, one) =>
          sum + (one.type === FrameType.windowUpdate && one.stream === tunnel ? one.payload.readUInt32BE(0) : 0),
        262_144,
      );
    const piece = Buffer.alloc(16_384);
    for (let sent = 0, waited = 0; waited < 3; ) {
      if (sent + piece.length <= granted() - 65_536) {
        client.send(dataFrame(tunnel, piece));
        sent += piece.length;
        waited = 0;
      } else {
        const { length } = client.frames;
        await client.until(() => client.frames.length > length, 'room', 100).catch(() => waited++);
      }
    }
    client.send(dataFrame(tunnel, 'last', { endStream: true }));
    sockets[0]!.end();
    await client.until(
      () => client.frames.some((one) => one.stream === tunnel && one.type === FrameType.data && one.flags === 1),
      'the end',
    );
    client.send(rstStreamFrame(tunnel, 'NO_ERROR'));
    const next = client.request(requestFields('GET'));
    await until(() => held.length === 1);
    const ended = once(sockets[0]!, 'end');
    sockets[0]!.resume();
    await ended;
    await once(sockets[0]!, 'close');
    held[0]!.connection.socket.write(reply('fine'));
    const answer = await client.reply(next);
    t.match(answer, { status: 200, end: 'whole' });
    t.equal(answer.body.toString(), 'fine');
    await quiet(proxy);
    t.equal(dataOf(client.frames, tunnel).length, 0);
  },
);
