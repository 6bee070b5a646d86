import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { until } from '../harness/until.ts';
import { get, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** A stock WebSocket server that sends back what it gets, behind a proxy whose every host is it. */
async function echo(t: Parameters<typeof staticProxy>[0]) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 64 * 1024 * 1024 });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
    socket.on('error', () => undefined); // the tests break connections on purpose
  });
  t.teardown(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const proxy = await staticProxy(t, { resources: serviceAt('127.0.0.1', (server.address() as AddressInfo).port) });
  const open = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/chat`);
    socket.binaryType = 'arraybuffer';
    t.teardown(() => socket.close());
    await once(socket, 'open');
    return socket;
  };
  return { server, proxy, open };
}

t.test('WebSocket messages go both ways through the proxy', async (t) => {
  const { open, proxy } = await echo(t);
  const socket = await open();
  for (const text of ['hello', 'wörld', '']) {
    socket.send(text);
    const [event] = (await once(socket, 'message')) as [MessageEvent];
    t.equal(event.data, text);
  }
  const big = randomBytes(10 * 1024 * 1024);
  socket.send(big);
  const [event] = (await once(socket, 'message')) as [MessageEvent];
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  t.equal(hash(new Uint8Array(event.data as ArrayBuffer)), hash(big));
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 1);
  socket.close(4001, 'bye');
  const [closed] = (await once(socket, 'close')) as [CloseEvent];
  t.equal(closed.code, 4001);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  t.equal(await proxy.metric('meshlane_requests_total', { code: '101' }), 1);
});

t.test('a switch to what was not asked for is not passed on', async (t) => {
  for (const [asked, chosen, status] of [
    ['websocket', 'h2c', 502],
    ['websocket', 'websocket, h2c', 502],
    ['websocket', '', 502],
    ['websocket, x/1', 'X/1', 101],
    ['WebSocket', 'websocket', 101],
  ] as const) {
    const origin = await scriptedOrigin(
      t,
      () => `HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: ${chosen}\r\n\r\n`,
    );
    const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
    const caller = await rawClient(t, proxy.port);
    caller.send(get('/', 'app', `Connection: Upgrade\r\nUpgrade: ${asked}\r\n`));
    t.equal((await caller.reply()).status, status, `${asked}: ${chosen}`);
    await proxy.close();
  }
});

t.test('the server closes a WebSocket in order', async (t) => {
  const { open, server, proxy } = await echo(t);
  const socket = await open();
  for (const client of server.clients) client.close(4002, 'go');
  const [closed] = (await once(socket, 'close')) as [CloseEvent];
  t.equal(closed.code, 4002);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a WebSocket that breaks on one side ends on the other', async (t) => {
  const { open, server, proxy } = await echo(t);
  const socket = await open();
  for (const client of server.clients) client.terminate();
  const [closed] = (await once(socket, 'close')) as [CloseEvent];
  t.equal(closed.code, 1006);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);

  const raw = await rawClient(t, proxy.port);
  raw.send(
    get(
      '/',
      '127.0.0.1',
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    ),
  );
  await raw.until((text) => text.includes('\r\n\r\n'));
  t.match(raw.received, /^HTTP\/1\.1 101 [\s\S]*Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n$/);
  t.match(raw.received, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  await until(() => server.clients.size === 1);
  raw.reset();
  await until(() => server.clients.size === 0);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test(
  'after a switch of protocols bytes go through as they are, also those sent before and half-closed',
  async (t) => {
    const origin = await scriptedOrigin(t, ({ connection }) => {
      const { socket } = connection;
      socket.removeAllListeners('data');
      socket.removeAllListeners('end');
      let all = '';
      socket.on('data', (chunk: Buffer) => (all += chunk.toString('latin1')));
      socket.on('end', () => socket.end(`all: ${all}`));
      return 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\nearly ';
    });
    const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
    const client = await rawClient(t, proxy.port);
    client.send(`${get('/', 'app', 'Connection: upgrade\r\nUpgrade: raw\r\n')}before `);
    await client.until((text) => text.endsWith('early '));
    client.send('GET / HTTP/1.1\r\n\r\n');
    client.end('last');
    t.match(await client.closed(), /\r\n\r\nearly all: before GET \/ HTTP\/1\.1\r\n\r\nlast$/);
    await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  },
);

t.test('an upgrade that the application declines is an ordinary reply', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('no'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send(get('/', 'app', 'Connection: upgrade\r\nUpgrade: raw\r\n'));
  t.equal((await client.reply()).body.toString(), 'no');
  client.send(get());
  t.equal((await client.reply()).body.toString(), 'no');
  t.match(origin.requests[0]!.head, /\r\nConnection: Upgrade\r\nUpgrade: raw\r\n/);
  t.notMatch(origin.requests[1]!.head, /upgrade/i);
});
