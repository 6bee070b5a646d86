import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Each bound on a message: what is just allowed passes, one more is refused. docs/limits.md has them all. */

const post = (fields: string, body: string) => `POST / HTTP/1.1\r\nHost: app\r\n${fields}\r\n${body}`;
const chunked = 'Transfer-Encoding: chunked\r\n';
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `F${i}: 1\r\n`).join('');

/** Pads a message's head to a size, by a field before its end. */
function padded(message: string, size: number): string {
  const end = message.indexOf('\r\n\r\n') + 2;
  const missing = size - end - 2 - 'P: \r\n'.length;
  return `${message.slice(0, end)}P: ${'p'.repeat(missing)}\r\n${message.slice(end)}`;
}

const limits = { headBytes: 2048, headerCount: 20, targetBytes: 256, bodyBytes: 100 };

const requests: readonly { what: string; allowed: string; over: string; status: number; reason: string }[] = [
  {
    what: 'limits.headBytes of a request',
    allowed: padded(get(), 2048),
    over: padded(get(), 2049),
    status: 431,
    reason: 'head_too_large',
  },
  {
    what: 'limits.headerCount of a request',
    allowed: get('/', 'app', numbered(19)),
    over: get('/', 'app', numbered(20)),
    status: 431,
    reason: 'head_too_large',
  },
  {
    what: 'limits.targetBytes',
    allowed: get(`/${'t'.repeat(255)}`),
    over: get(`/${'t'.repeat(256)}`),
    status: 414,
    reason: 'target_too_long',
  },
  {
    what: 'limits.bodyBytes of a body with a length',
    allowed: post('Content-Length: 100\r\n', 'b'.repeat(100)),
    over: post('Content-Length: 101\r\n', ''),
    status: 413,
    reason: 'body_too_large',
  },
  {
    what: 'limits.bodyBytes of a body in chunks',
    allowed: post(chunked, `60\r\n${'b'.repeat(96)}\r\n4\r\nbbbb\r\n0\r\n\r\n`),
    over: post(chunked, `60\r\n${'b'.repeat(96)}\r\n5\r\nbbbbb`),
    status: 413,
    reason: 'body_too_large',
  },
  {
    what: 'the bytes of a method',
    allowed: get().replace('GET', 'M'.repeat(32)),
    over: get().replace('GET', 'M'.repeat(33)),
    status: 400,
    reason: 'bad_request',
  },
  {
    what: 'the options of Connection',
    allowed: get('/', 'app', `Connection: ${Array.from({ length: 16 }, (_, i) => `o${i}`).join()}\r\n`),
    over: get('/', 'app', `Connection: ${Array.from({ length: 17 }, (_, i) => `o${i}`).join()}\r\n`),
    status: 400,
    reason: 'bad_request',
  },
  {
    what: 'the bytes of a chunk extension',
    allowed: post(chunked, `1;${'e'.repeat(1023)}\r\nb\r\n0\r\n\r\n`),
    over: post(chunked, `1;${'e'.repeat(1024)}\r\nb\r\n0\r\n\r\n`),
    status: 400,
    reason: 'bad_request',
  },
  {
    what: 'the bytes of trailers',
    allowed: post(chunked, `0\r\nT: ${'t'.repeat(8192 - 7)}\r\n\r\n`),
    over: post(chunked, `0\r\nT: ${'t'.repeat(8192 - 6)}\r\n\r\n`),
    status: 400,
    reason: 'bad_request',
  },
  {
    what: 'the fields of trailers',
    allowed: post(chunked, `0\r\n${numbered(32)}\r\n`),
    over: post(chunked, `0\r\n${numbered(33)}\r\n`),
    status: 400,
    reason: 'bad_request',
  },
];

t.test('a request at a bound passes, and one above it is refused by its name', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { limits } });
  for (const { what, allowed, over, status, reason } of requests) {
    t.equal((await ask(t, proxy.port, allowed)).status, 200, `${what}: at the bound`);
    const answer = await ask(t, proxy.port, over);
    t.equal(answer.status, status, `${what}: above`);
    t.equal(answer.header('x-meshlane-reason'), reason, what);
    t.equal(answer.header('connection'), 'close', what);
  }
  t.equal(origin.requests.length, requests.length);
  for (const [reason, count] of Object.entries({ head_too_large: 2, target_too_long: 1, body_too_large: 2 }))
    t.equal(await proxy.metric('meshlane_local_replies_total', { reason }), count);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a reply at a bound passes, and one above it is a fault of the instance', async (t) => {
  const interim = 'HTTP/1.1 102 Processing\r\n\r\n';
  const replies: Readonly<Record<string, string>> = {
    '/head/allowed': padded(reply('fine'), 2048),
    '/head/over': padded(reply('fine'), 2049),
    '/fields/allowed': reply('fine', numbered(19)),
    '/fields/over': reply('fine', numbered(20)),
    '/interims/allowed': interim.repeat(16) + reply('fine'),
    '/interims/over': interim.repeat(17) + reply('fine'),
  };
  const origin = await scriptedOrigin(t, ({ head }) => replies[head.split(' ')[1]!]);
  const resources = [...serviceAt('app', origin.port), policy('app', { retry: { attempts: 0 } })];
  const proxy = await staticProxy(t, { resources, spec: { limits } });
  for (const path of Object.keys(replies)) {
    const client = await rawClient(t, proxy.port);
    client.send(get(path));
    let answer = await client.reply();
    while (answer.status < 200) answer = await client.reply();
    if (path.endsWith('allowed')) t.equal(answer.body.toString(), 'fine', path);
    else t.equal(answer.header('x-meshlane-reason'), 'upstream_protocol', path);
  }
  t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'upstream_protocol' }), 3);
});

t.test('the rest of a body that nobody wants is taken up to a bound, above it the connection closes', async (t) => {
  const proxy = await staticProxy(t);
  const kept = await ask(t, proxy.port, post('Content-Length: 65536\r\n', ''));
  t.equal(kept.header('connection'), undefined);
  const closed = await ask(t, proxy.port, post('Content-Length: 65537\r\n', ''));
  t.equal(closed.header('connection'), 'close');
});

t.test('a body of limits.replayBytes is sent again, and one byte more is not', async (t) => {
  const broken = await scriptedOrigin(t, ({ connection }) => void connection.socket.resetAndDestroy());
  const resources = [...serviceAt('app', broken.port), policy('app', { retry: { attempts: 1, backoff: '1ms' } })];
  const proxy = await staticProxy(t, { resources, spec: { limits: { replayBytes: 1000 } } });
  const put = (size: number) => `PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: ${size}\r\n\r\n${'b'.repeat(size)}`;
  t.equal((await ask(t, proxy.port, put(1000))).status, 502);
  t.equal(broken.requests.length, 2);
  t.equal((await ask(t, proxy.port, put(1001))).status, 502);
  t.equal(broken.requests.length, 3);
});

t.test('the last request that limits.requestsPerConnection allows is answered with close', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const resources = serviceAt('app', origin.port);
  const proxy = await staticProxy(t, { resources, spec: { limits: { requestsPerConnection: 3 } } });
  const client = await rawClient(t, proxy.port);
  client.send(get('/1') + get('/2') + get('/3') + get('/4'));
  for (const wanted of [undefined, undefined, 'close']) t.equal((await client.reply()).header('connection'), wanted);
  t.equal(await client.closed(), '');
  t.equal(origin.requests.length, 3);
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'downstream', reason: 'requests' }), 1);
});

t.test('a connection to an instance carries connections.maxRequests and no more', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const resources = [...serviceAt('app', origin.port), policy('app', { connections: { maxRequests: 2 } })];
  const proxy = await staticProxy(t, { resources });
  for (let i = 0; i < 5; i++) t.equal((await ask(t, proxy.port, get())).status, 200);
  t.strictSame(
    origin.requests.map(({ connection }) => connection.index),
    [0, 0, 1, 1, 2],
  );
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'upstream', reason: 'requests' }), 2);
});

t.test('a listener takes limits.connections over all its workers, and counts whom it refused', async (t) => {
  const proxy = await staticProxy(t, { spec: { workers: 2, limits: { connections: 8 } } });
  const kept = [];
  for (let i = 0; i < 8; i++) {
    const caller = await rawClient(t, proxy.port);
    caller.send(get('/', 'nowhere'));
    t.equal((await caller.reply()).status, 404, `connection ${i + 1}`);
    kept.push(caller);
  }
  t.equal(await proxy.metric('meshlane_connections', { listener: 'out' }), 8);
  for (let i = 0; i < 20; i++) {
    // The reset may come before or after the caller has noticed that it is connected.
    const over = await rawClient(t, proxy.port).catch(() => null);
    await until(() => over === null || over.isClosed);
  }
  t.equal(await proxy.metric('meshlane_connections_refused_total', { listener: 'out' }), 20);
  for (const caller of kept) caller.send(get('/', 'nowhere'));
  for (const caller of kept) t.equal((await caller.reply()).status, 404, 'those that were there are still served');
  kept[0]!.socket.destroy();
  await until(async () => (await ask(t, proxy.port, get('/', 'nowhere')).catch(() => null))?.status === 404);
});
