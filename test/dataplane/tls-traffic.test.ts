import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { until } from '../harness/until.ts';
import { get, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';
import { tlsProxy } from './harness/tls-proxy.ts';

const bodyBytes = 10 * 1024 * 1024;

function patterned(size: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.imul(i, 7919) >>> 8;
  return bytes;
}

t.test('requests that come in one record are answered in order, by the origin or by the proxy', async (t) => {
  const origin = await scriptedOrigin(t, ({ head }) => reply(head.split(' ')[1]));
  const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
  const caller = await proxy.call(t);
  const hosts = Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? 'app' : 'nobody'));
  const refused = [get('/a', 'nobody'), get('/b', 'nobody'), get('/c', 'nobody')].join('');
  caller.send(refused); // local replies: three writes in one turn
  for (let i = 0; i < 3; i++) t.equal((await caller.reply()).status, 404);
  caller.send(hosts.map((host, i) => get(`/${i}`, host)).join(''));
  for (const [i, host] of hosts.entries()) {
    const got = await caller.reply();
    if (host === 'app') t.equal(got.body.toString(), `/${i}`);
    else t.equal(got.status, 404);
  }
});

t.test('10 MB arrive as they were in both directions, past a reader that is slow to begin', async (t) => {
  const body = patterned(bodyBytes);
  const origin = await scriptedOrigin(t, ({ body: came }) => {
    const bytes = Buffer.from(came, 'latin1');
    return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`), bytes]);
  });
  const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
  const socket = proxy.dial(t);
  await once(socket, 'secureConnect');
  socket.write(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${bodyBytes}\r\n\r\n`);
  socket.write(body);
  await until(() => origin.requests.length === 1, { timeoutMs: 30_000 });
  const pieces: Buffer[] = [];
  let size = 0;
  socket.on('data', (chunk: Buffer) => {
    pieces.push(chunk);
    size += chunk.length;
    socket.pause();
    void turn().then(() => socket.resume());
  });
  await until(() => size > bodyBytes, { timeoutMs: 30_000 });
  const all = Buffer.concat(pieces);
  t.ok(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(body));
});

const cuts = {
  'with a length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
  'in chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
};
for (const [how, bytes] of Object.entries(cuts))
  for (const version of ['1.0', '1.1'])
    t.test(`a reply ${how} that is cut is no orderly end for a caller by HTTP/${version}`, async (t) => {
      const origin = await scriptedOrigin(t, ({ connection }) => {
        connection.socket.write(bytes);
        return undefined;
      });
      const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
      const caller = await proxy.call(t);
      caller.send(`GET / HTTP/${version}\r\nHost: app\r\n\r\n`);
      await caller.until((text) => text.includes('half'));
      origin.connections[0]!.socket.destroy();
      await caller.until(() => caller.isClosed);
      t.notOk(caller.hasEnded, 'no close_notify');
      t.ok(caller.wasReset);
    });

for (const isTls of [true, false])
  t.test(
    `a reply without length that nobody reads on is cut, and looks cut, ${isTls ? 'under TLS' : 'in the clear'}`,
    async (t) => {
      const body = patterned(bodyBytes);
      const origin = await scriptedOrigin(t, ({ connection }) => {
        connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        connection.socket.write(`${bodyBytes.toString(16)}\r\n`);
        connection.socket.write(body);
        connection.socket.write('\r\n0\r\n\r\n');
        return undefined;
      });
      // All of the reply waits here, so that it is the last one and done.
      const spec = { limits: { keepAliveTimeout: '300ms', bufferBytes: 16_777_216 } };
      const options = { resources: serviceAt('app', origin.port), spec };
      const proxy = isTls ? await tlsProxy(t, options) : await staticProxy(t, options);
      const caller =
        'call' in proxy
          ? await (proxy as Awaited<ReturnType<typeof tlsProxy>>).call(t)
          : await rawClient(t, proxy.port);
      caller.send('GET / HTTP/1.0\r\nHost: app\r\n\r\n');
      caller.socket.pause();
      await until(() => origin.requests.length === 1); // before that there is no connection to be gone
      await until(async () => (await proxy.metric('meshlane_connections')) === 0);
      caller.socket.resume();
      await caller.until(() => caller.isClosed || caller.hasEnded);
      t.notOk(caller.hasEnded);
      t.ok(caller.received.length < bodyBytes);
    },
  );

t.test('a reply without length that is under way when the proxy stops looks cut', async (t) => {
  const origin = await scriptedOrigin(t, ({ connection }) => {
    connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    return undefined;
  });
  for (const isTls of [true, false]) {
    const options = { resources: serviceAt('app', origin.port) };
    const secured = isTls ? await tlsProxy(t, options) : null;
    const proxy = secured ?? (await staticProxy(t, options));
    const caller = secured ? await secured.call(t) : await rawClient(t, proxy.port);
    caller.send('GET / HTTP/1.0\r\nHost: app\r\n\r\n');
    await caller.until((text) => text.endsWith('half'));
    await proxy.close();
    await caller.until(() => caller.isClosed || caller.hasEnded);
    t.notOk(caller.hasEnded, isTls ? 'under TLS' : 'in the clear');
    t.ok(caller.wasReset);
  }
});

t.test('a stock WebSocket client is served by wss', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.teardown(() => server.close());
  const closes: number[] = [];
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
    socket.on('close', (code) => closes.push(code));
  });
  await once(server, 'listening');
  const proxy = await tlsProxy(t, { resources: serviceAt('app', (server.address() as { port: number }).port) });
  const ca = readFileSync(proxy.files.certificate);
  const socket = new WebSocket(`wss://127.0.0.1:${proxy.port}/`, { ca, headers: { host: 'app' } });
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  const messages: Buffer[] = [];
  socket.on('message', (data) => messages.push(data as Buffer));
  const large = patterned(1_000_000);
  for (let i = 0; i < 1000; i++) socket.send(String(i));
  socket.send(large);
  await until(() => messages.length === 1001);
  t.ok(messages.slice(0, 1000).every((message, i) => message.toString() === String(i)));
  t.ok(messages[1000]!.equals(large));
  socket.close(1000);
  const [code] = (await once(socket, 'close')) as [number];
  t.equal(code, 1000);
  await until(() => closes.length === 1);
});
