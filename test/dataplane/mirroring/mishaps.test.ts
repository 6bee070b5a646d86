import type { IncomingMessage } from 'node:http';
import { constants } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { freePort } from '../../harness/free-port.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { grpcServiceAt } from '../grpc/resources.ts';
import { copied, mirroredRoute } from '../harness/mirrored.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { rawServer } from '../harness/raw-server.ts';
import { instance, policy, service, serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { runningWorkers } from '../harness/worker-pool.ts';
import { originOf } from '../http2/calling.ts';

/** Whatever a mirror does, the request itself does not notice; whatever ends the request early ends its copies. */

const mebibyte = 1_048_576;
const silent = () => undefined;

const mishaps: Readonly<Record<string, (request: OriginRequest) => string | undefined>> = {
  'resets each connection': ({ connection }) => void connection.socket.resetAndDestroy(),
  'closes each connection': ({ connection }) => void connection.socket.destroy(),
  'never answers': silent,
  'answers what is no HTTP': () => 'nonsense\r\n\r\n',
  'breaks its reply off': ({ connection }) => {
    connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    return undefined;
  },
};

async function withMirror(t: Owner, ...ports: readonly number[]) {
  const app = await scriptedOrigin(t, ({ body }) => reply(`got ${body.length}`));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', app.port),
      ...serviceAt('shadow', ...ports),
      policy('shadow', { timeouts: { request: '400ms' } }),
      mirroredRoute(),
    ],
  });
  return { app, proxy };
}

for (const [mishap, script] of Object.entries(mishaps))
  t.test(`requests are answered as ever when the mirror ${mishap}`, async (t) => {
    const shadow = await scriptedOrigin(t, script);
    const { proxy } = await withMirror(t, shadow.port);
    const client = await rawClient(t, proxy.port);
    for (let i = 0; i < 10; i++) {
      client.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nbody');
      const answer = await client.reply();
      t.equal(answer.status, 200);
      t.equal(answer.body.toString(), 'got 4');
    }
    await copied(proxy, 'failed', 10);
    t.equal(shadow.requests.length, 10, 'each copy was sent once');
    t.equal(await proxy.metric('meshlane_retries_total'), 0);
  });

t.test('requests are answered as ever when the mirror refuses connections, or has no instance', async (t) => {
  for (const ports of [[await freePort()], []]) {
    const { proxy } = await withMirror(t, ...ports);
    for (let i = 0; i < 10; i++) t.equal((await ask(t, proxy.port, get())).status, 200);
    await copied(proxy, 'failed', 10);
  }
});

t.test('an error of the mirror is not tried again', async (t) => {
  const shadow = await scriptedOrigin(t, () => reply('', '', 503));
  const { proxy } = await withMirror(t, shadow.port);
  for (let i = 0; i < 5; i++) t.equal((await ask(t, proxy.port, get())).status, 200);
  await copied(proxy, 'sent', 5);
  t.equal(shadow.requests.length, 5);
});

t.test('requests do not wait for a mirror that hangs', async (t) => {
  const shadow = await scriptedOrigin(t, silent);
  const app = await scriptedOrigin(t, () => reply());
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
  });
  const client = await rawClient(t, proxy.port);
  const times: number[] = [];
  for (let i = 0; i < 100; i++) {
    const startMs = performance.now();
    client.send(get());
    await client.reply();
    times.push(performance.now() - startMs);
  }
  await until(() => shadow.requests.length === 100);
  t.equal(await proxy.metric('meshlane_requests_in_flight', { service: 'shadow' }), 100);
  t.equal(await proxy.metric('meshlane_requests_in_flight', { service: 'app' }), 0);
  const medianMs = times.sort((a, b) => a - b)[50]!;
  t.ok(medianMs < 50, `${medianMs.toFixed(2)} ms`);
  const startMs = performance.now();
  await proxy.drain();
  t.ok(performance.now() - startMs < 3000, 'nor does a drain wait for it');
});

t.test('a mirror that does not read costs little memory while 256 MiB pass', async (t) => {
  const shadow = await rawServer(t, ({ socket }) => socket.pause());
  const app = await rawServer(t);
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
  });
  const size = 256 * mebibyte;
  const client = await rawClient(t, proxy.port);
  client.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${size}\r\n\r\n`);
  const { socket } = await until(() => app.connections[0]);
  let received = 0;
  let most = 0;
  socket.removeAllListeners('data');
  socket.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  const before = process.memoryUsage.rss();
  const piece = Buffer.alloc(65_536, 'x');
  for (let sent = 0; sent < size; sent += piece.length) {
    if (!client.socket.write(piece)) await new Promise((resolve) => client.socket.once('drain', resolve));
    most = Math.max(most, process.memoryUsage.rss());
  }
  await until(() => received >= size, { what: 'the whole body' });
  socket.write(reply('whole'));
  t.equal((await client.reply()).body.toString(), 'whole');
  await copied(proxy, 'overflow', 1);
  const added = (most - before) / mebibyte;
  // Of which caller and instance, in the same process, have the most.
  t.ok(added < 128, `${added.toFixed(1)} MiB more`);
});

t.test('a mirror that is behind for a while still gets all of it', async (t) => {
  const held: IncomingMessage[] = [];
  // What is not asked for does not open the window of its stream again, which is 64 KiB.
  const shadow = await originOf(t, 'http2', (request) => held.push(request));
  const app = await scriptedOrigin(t, () => reply('app'));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', app.port),
      service('shadow'),
      instance('shadow-0', 'shadow', shadow, { protocol: 'http2' }),
      mirroredRoute(),
    ],
  });
  const body = 'b'.repeat(900_000);
  await ask(t, proxy.port, `POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const copy = await until(() => held[0]);
  t.ok((await buffer(copy)).equals(Buffer.from(body)));
  await proxy.close();
});

t.test('no more than 1024 copies are under way in a worker', async (t) => {
  const shadow = await wireServer(t, silent, { at: 'head' });
  const app = await wireServer(t, (call) => call.answer(Buffer.from('app')));
  const proxy = await staticProxy(t, {
    resources: [...grpcServiceAt('app', app.port), ...grpcServiceAt('shadow', shadow.port), mirroredRoute()],
    spec: { workers: 1 },
  });
  const client = await wireClient(t, proxy.port);
  for (let i = 0; i < 11; i++) {
    const ends = await Promise.all(Array.from({ length: 100 }, () => client.ask('/pkg.Service/Method')));
    for (const { status } of ends) t.equal(status, 0);
  }
  t.equal(await proxy.metric('meshlane_mirrored_requests_total', { result: 'busy' }), 1100 - 1024);
  await until(() => shadow.calls.length === 1024);
  for (const call of shadow.calls) call.reset();
  await copied(proxy, 'failed', 1024);
  await client.ask('/pkg.Service/Method');
  await until(() => shadow.calls.length === 1025, { what: 'room for another one' });
});

t.test('a caller that leaves takes its copies along', async (t) => {
  const shadow = await scriptedOrigin(t, silent, { at: 'head' });
  const app = await scriptedOrigin(t, silent, { at: 'head' });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
  });
  const waiting = await rawClient(t, proxy.port);
  waiting.send(get());
  const uploading = await rawClient(t, proxy.port);
  uploading.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\nhalf');
  await until(() => shadow.requests.length === 2);
  waiting.reset();
  uploading.end();
  await until(() => shadow.connections.every(({ isClosed }) => isClosed), { timeoutMs: 2000 });
  await copied(proxy, 'cancelled', 2);
});

t.test('a call of gRPC that is cancelled is cancelled at the mirror; one that was answered is not', async (t) => {
  const shadow = await wireServer(t, silent, { at: 'head' });
  const app = await wireServer(t, (call) => {
    if (call.path !== '/pkg.Service/Wait') call.answer(Buffer.from('app'));
  });
  const proxy = await staticProxy(t, {
    resources: [...grpcServiceAt('app', app.port), ...grpcServiceAt('shadow', shadow.port), mirroredRoute()],
  });
  const client = await wireClient(t, proxy.port);
  const call = client.call('/pkg.Service/Wait');
  call.send(Buffer.from('first'));
  await until(() => shadow.calls[0]?.messages.length === 1);
  call.cancel();
  await until(() => shadow.calls[0]!.resetCode === constants.NGHTTP2_CANCEL, { timeoutMs: 1000 });
  await client.ask('/pkg.Service/Method');
  client.session.destroy();
  await until(() => shadow.calls[1]?.messages.length === 1);
  shadow.calls[1]!.answer(Buffer.from('late'));
  await copied(proxy, 'sent', 1);
  await copied(proxy, 'cancelled', 1);
});

t.test('a reply that does not wait for the request ends the copies, which would never be whole', async (t) => {
  const shadow = await scriptedOrigin(t, silent, { at: 'head' });
  const app = await scriptedOrigin(t, () => reply('enough', '', 413), { at: 'head' });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
  });
  t.equal((await ask(t, proxy.port, 'POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 99\r\n\r\n')).status, 413);
  await copied(proxy, 'cancelled', 1);
});

t.test('a body that is asked for with 100-continue goes to the mirror, too', async (t) => {
  const proceed = 'HTTP/1.1 100 Continue\r\n\r\n';
  const shadow = await rawServer(t, ({ socket }) => socket.write(proceed));
  const app = await scriptedOrigin(t, ({ connection }) => void connection.socket.write(proceed), { at: 'head' });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', app.port), ...serviceAt('shadow', shadow.port), mirroredRoute()],
  });
  const client = await rawClient(t, proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
  t.equal((await client.reply()).status, 100);
  client.send('body');
  await until(() => app.connections[0]!.received.endsWith('body'));
  app.connections[0]!.socket.write(reply('done'));
  t.equal((await client.reply()).body.toString(), 'done');
  const copy = await until(() => shadow.connections[0]);
  await copy.until((received) => received.endsWith('\r\n\r\nbody'));
  copy.send(reply());
  await copied(proxy, 'sent', 1);
});

t.test('a copy under way ends where it began when the configuration changes', async (t) => {
  const shadow = await scriptedOrigin(t, silent);
  const app = await scriptedOrigin(t, () => reply());
  const resources = serviceAt('app', app.port);
  const workers = await runningWorkers(t, [...resources, ...serviceAt('shadow', shadow.port), mirroredRoute()]);
  await ask(t, workers.port, get());
  await until(() => shadow.requests.length === 1);
  t.equal(await workers.configure([], ['Instance/shadow-0', 'Service/shadow', 'Route/r']), null);
  t.equal((await ask(t, workers.port, get())).status, 200);
  t.notOk(shadow.connections[0]!.isClosed);
  shadow.connections[0]!.socket.write(reply('late'));
  await until(() => shadow.connections[0]!.isClosed, { what: 'its connection to be let go', timeoutMs: 2000 });
  t.equal(shadow.requests.length, 1);
});
