import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

t.test('pipelined requests are answered in order, also behind a slow one and behind a body', async (t) => {
  const origin = await scriptedOrigin(t, async ({ head, body }) => {
    const path = head.split(' ')[1]!;
    if (path === '/slow') await wait(150);
    return reply(`${path} ${body}`);
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send(
    get('/slow') +
      'POST /a HTTP/1.1\r\nHost: app\r\nContent-Length: 3\r\n\r\none' +
      'POST /b HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n' +
      `${get('/c')}GET /nowhere HTTP/1.1\r\nHost: app\r\n\r\n${get('/last')}`,
  );
  for (const wanted of ['/slow ', '/a one', '/b two', '/c ', '/nowhere ', '/last '])
    t.equal((await client.reply()).body.toString(), wanted);
  t.equal(client.received, '');
});

t.test('a caller that has sent all and ends its side still gets every reply', async (t) => {
  const origin = await scriptedOrigin(t, async ({ head }) => {
    await wait(50);
    return reply(head.split(' ')[1]);
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const one = await rawClient(t, proxy.port);
  one.end(get('/one'));
  t.match(await one.closed(), /\r\n\r\n\/one$/);
  const three = await rawClient(t, proxy.port);
  three.end(get('/a') + get('/b') + get('/c'));
  for (const path of ['/a', '/b', '/c']) t.equal((await three.reply()).body.toString(), path);
  await three.closed();
  const cut = await rawClient(t, proxy.port);
  cut.end('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nhalf');
  await cut.closed();
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  const later = await rawClient(t, proxy.port);
  later.end(`${get('/a')}POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nhalf`);
  t.equal((await later.reply()).body.toString(), '/a');
  await later.closed();
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('10 MB stream through both ways, with a length and in chunks, byte for byte', async (t) => {
  const server = createServer((incoming, response) => {
    if (incoming.headers['content-length'])
      response.setHeader('content-length', Number(incoming.headers['content-length']));
    incoming.pipe(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const proxy = await staticProxy(t, { resources: serviceAt('app', (server.address() as AddressInfo).port) });
  const body = randomBytes(10 * 1024 * 1024);
  const wanted = createHash('sha256').update(body).digest('hex');
  for (const isChunked of [false, true]) {
    const outgoing = request({
      port: proxy.port,
      method: 'POST',
      headers: { host: 'app', ...(isChunked ? {} : { 'content-length': body.length }) },
    });
    for (let at = 0; at < body.length; at += 100_000) outgoing.write(body.subarray(at, at + 100_000));
    outgoing.end();
    const [incoming] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
    const hash = createHash('sha256');
    for await (const chunk of incoming) hash.update(chunk as Buffer);
    t.equal(hash.digest('hex'), wanted, isChunked ? 'in chunks' : 'with a length');
  }
});

t.test('a message arrives whole wherever it is cut', async (t) => {
  const origin = await scriptedOrigin(t, ({ body }) => reply(`got ${body}`));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const message =
    'POST /x HTTP/1.1\r\nHost: app\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n5;e=1\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n';
  for (let cut = 1; cut < message.length; cut++) {
    const client = await rawClient(t, proxy.port);
    client.send(message.slice(0, cut));
    await wait(1);
    client.send(message.slice(cut));
    t.equal((await client.reply()).body.toString(), 'got hello!', `cut at ${cut}`);
    client.socket.destroy();
  }
});

t.test('a reply that comes before the whole request is passed on, and the connection closes', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('too large', '', 413), { at: 'head' });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\nbegin');
  const got = await client.reply();
  t.equal(got.status, 413);
  t.equal(got.header('connection'), 'close');
  t.equal(got.body.toString(), 'too large');
  client.send('x'.repeat(10_000));
  await client.closed();
  await until(() => origin.connections[0]!.isClosed);
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 0);
});

t.test('fields of one connection do not travel on; the others keep order and case', async (t) => {
  const origin = await scriptedOrigin(t, () =>
    reply(
      'ok',
      'X-First: 1\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nX-Mine: 1\r\nSeT-CookiE: a\r\nset-cookie: b\r\nProxy-Connection: x\r\n',
    ),
  );
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const got = await ask(
    t,
    proxy.port,
    'GET /a?b=c HTTP/1.1\r\nZeta: 1\r\nhOsT: app\r\nConnection: keep-alive, X-Secret\r\nx-secret: 1\r\nAlpha:  two words \t\r\nTE: trailers\r\nKeep-Alive: 1\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nalpha: 3\r\n\r\n',
  );
  t.match(
    origin.requests[0]!.head,
    /^GET \/a\?b=c HTTP\/1\.1\r\nZeta: 1\r\nhOsT: app\r\nAlpha: {2}two words \t\r\nalpha: 3\r\ntraceparent: 00-[0-9a-f-]{52}\r\n\r\n$/,
  );
  t.match(got.head, /^HTTP\/1\.1 200 Fine\r\nX-First: 1\r\nSeT-CookiE: a\r\nset-cookie: b\r\nContent-Length: 2\r\n$/);
});

t.test('a target in absolute form names the host; Host follows it', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  await ask(t, proxy.port, 'GET http://app:80/a?b HTTP/1.1\r\nHost: other\r\nA: b\r\n\r\n');
  await ask(t, proxy.port, 'GET http://app?b HTTP/1.1\r\nHost: other\r\nA: b\r\n\r\n');
  await ask(t, proxy.port, 'GET HTTP://APP HTTP/1.0\r\n\r\n');
  t.match(origin.requests[0]!.head, /^GET \/a\?b HTTP\/1\.1\r\nHost: app:80\r\nA: b\r\n/);
  t.match(origin.requests[1]!.head, /^GET \/\?b HTTP\/1\.1\r\nHost: app\r\nA: b\r\n/);
  t.match(origin.requests[2]!.head, /^GET \/ HTTP\/1\.1\r\nHost: APP\r\n/);
});

t.test('a caller that leaves frees the upstream', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined, { at: 'head' });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const waiting = await rawClient(t, proxy.port);
  waiting.send(get());
  const uploading = await rawClient(t, proxy.port);
  uploading.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\nhalf');
  await until(() => origin.requests.length === 2);
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 2);
  waiting.reset();
  uploading.socket.destroy();
  await until(() => origin.connections.every(({ isClosed }) => isClosed), { what: 'the end of the connections' });
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 2);
});

t.test('a reader that is slow gets the whole last reply', async (t) => {
  const body = Buffer.alloc(16 * 1024 * 1024, 'x');
  const origin = await scriptedOrigin(t, ({ connection }) => {
    connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    connection.socket.write(body);
    return undefined;
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.socket.removeAllListeners('data');
  let size = 0;
  client.socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
    client.socket.pause();
  });
  client.send(get('/', 'app', 'Connection: close\r\n'));
  await until(() => origin.requests.length === 1);
  // Read until all the rest is in the proxy's memory and the kernel's, then nothing for longer than the proxy lingers.
  await until(
    async () => {
      client.socket.resume();
      return (await proxy.metric('meshlane_requests_in_flight')) === 0;
    },
    { everyMs: 1, timeoutMs: 30_000 },
  );
  const before = size;
  await wait(2500);
  client.socket.removeAllListeners('data');
  client.socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
  });
  client.socket.resume();
  await until(() => client.hasEnded || client.isClosed);
  t.ok(before < body.length, `${body.length - before} bytes were on their way`);
  t.ok(size > body.length, `${size} bytes came`);
  t.notOk(client.wasReset);
});

t.test('a caller that asks and never reads is made to wait', async (t) => {
  const proxy = await staticProxy(t);
  const client = await rawClient(t, proxy.port);
  client.socket.pause();
  const many = get().repeat(1000);
  let sent = 0;
  const before = await proxy.metric('meshlane_process_resident_memory_bytes');
  while (sent < 2000 && client.socket.writableLength < 1_000_000) {
    client.send(many);
    sent++;
    await wait(0);
  }
  // Until the kernel's buffers are full; how long that takes is the machine's business, that it ends is ours.
  let answered = -1;
  await until(
    async () => {
      const before = answered;
      answered = await proxy.metric('meshlane_requests_total');
      return answered > 0 && answered === before;
    },
    { everyMs: 500, what: 'the end of the answers' },
  );
  t.ok(answered < 100_000, `${answered} of ${sent * 1000} requests were answered before`);
  const after = await proxy.metric('meshlane_process_resident_memory_bytes');
  t.comment(`${(after - before) / 1e6} MB`);
  client.socket.resume();
  await until(async () => (await proxy.metric('meshlane_requests_total')) === sent * 1000, {
    timeoutMs: 20_000,
    what: 'the rest of the answers',
  });
});
