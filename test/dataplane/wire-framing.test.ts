import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, type ScriptedOrigin, scriptedOrigin } from './harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';

type Script = Parameters<typeof scriptedOrigin>[1];

async function proxied(
  t: Parameters<typeof staticProxy>[0],
  script: Script,
  options: { at?: 'whole' | 'head'; spec?: object } = {},
): Promise<{ proxy: StaticProxy; origin: ScriptedOrigin }> {
  const origin = await scriptedOrigin(t, script, { at: options.at ?? 'whole' });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: options.spec ?? {} });
  return { proxy, origin };
}

t.test('bytes of a reply that broke never reach another connection', async (t) => {
  const { proxy, origin } = await proxied(t, ({ index }) =>
    index === 0 ? 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n' : reply('fine'),
  );
  const broken = await rawClient(t, proxy.port);
  broken.send(get('/broken'));
  await broken.closed();
  const next = await ask(t, proxy.port, get('/next'));
  t.equal(next.body.toString(), 'fine');
  t.match(origin.requests[1]?.head, /^GET \/next HTTP\/1\.1\r\n/);
  t.equal(origin.requests.length, 2);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a reply cut short never looks whole', async (t) => {
  const heads: Record<string, string> = {
    '/length': 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
    '/chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf',
    '/no-last-chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfull\r\n',
    '/no-last-line': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfull\r\n0\r\n',
  };
  for (const ending of ['fin', 'reset'] as const) {
    const { proxy } = await proxied(t, async ({ head, connection }) => {
      connection.socket.write(heads[head.split(' ')[1]!]!);
      await until(() => connection.socket.writableLength === 0);
      if (ending === 'fin') connection.socket.end();
      else setTimeout(() => connection.socket.resetAndDestroy(), 50);
    });
    for (const path of Object.keys(heads)) {
      const client = await rawClient(t, proxy.port);
      client.send(get(path));
      const all = await client.closed();
      await t.rejects(client.reply(), `${path} by ${ending}`);
      t.notMatch(all, /0\r\n\r\n$/, `${path} by ${ending} has no last chunk`);
      await until(() => client.wasReset, { what: `${path} by ${ending} to be reset` });
    }
    await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  }
});

t.test('a reply that is not valid HTTP becomes 502 upstream_protocol', async (t) => {
  const replies: Record<string, string> = {
    '/text': 'hello world, this is no HTTP\r\n\r\n',
    '/h2': 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    '/status': 'HTTP/1.1 20x OK\r\nContent-Length: 0\r\n\r\n',
    '/status-600': 'HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n',
    '/two-lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc',
    '/both': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '/gzip': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    '/te-1.0': 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '/folded': 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n',
    '/bare-lf': 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
    '/nul': 'HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n',
    '/unasked-101': 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    '/many-interims': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(40),
  };
  const { proxy } = await proxied(t, ({ head }) => replies[head.split(' ')[1]!]!);
  for (const path of Object.keys(replies)) {
    const client = await rawClient(t, proxy.port);
    client.send(`POST ${path} HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n`);
    let got = await client.reply();
    while (got.status === 103) got = await client.reply();
    t.equal(got.status, 502, path);
    t.equal(got.header('x-meshlane-reason'), 'upstream_protocol', path);
  }
  t.equal(await proxy.metric('meshlane_requests_total', { code: '502' }), Object.keys(replies).length);
});

t.test('heads that are too large are refused on both sides', async (t) => {
  const { proxy, origin } = await proxied(
    t,
    ({ head }) => {
      if (head.startsWith('POST /bytes')) return reply('', `Long: ${'x'.repeat(5000)}\r\n`);
      if (head.startsWith('POST /count')) return reply('', 'A: b\r\n'.repeat(60));
      return reply('ok');
    },
    { spec: { limits: { headBytes: 4096, headerCount: 50, targetBytes: 1024 } } },
  );
  const reasonOf = async (bytes: string) => {
    const got = await ask(t, proxy.port, bytes);
    return `${got.status} ${got.header('x-meshlane-reason')}`;
  };
  t.equal(await reasonOf(get('/', 'app', `Long: ${'x'.repeat(5000)}\r\n`)), '431 head_too_large');
  t.equal(await reasonOf(get('/', 'app', 'A: b\r\n'.repeat(60))), '431 head_too_large');
  t.equal(await reasonOf(get(`/${'x'.repeat(1024)}`)), '414 target_too_long');
  t.equal(origin.requests.length, 0);
  t.equal(await reasonOf('POST /bytes HTTP/1.1\r\nHost: app\r\n\r\n'), '502 upstream_protocol');
  t.equal(await reasonOf('POST /count HTTP/1.1\r\nHost: app\r\n\r\n'), '502 upstream_protocol');
  t.equal((await ask(t, proxy.port, get())).status, 200);
});

t.test('bytes that nobody asked for end the pooled connection', async (t) => {
  const { proxy, origin } = await proxied(t, ({ head }) => {
    if (head.startsWith('GET /tail')) return `${reply('ok')}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged`;
    return reply('real');
  });
  t.equal((await ask(t, proxy.port, get('/tail'))).body.toString(), 'ok');
  t.equal((await ask(t, proxy.port, get('/a'))).body.toString(), 'real');
  t.equal(origin.connections.length, 2, 'bytes right behind a reply');
  await until(() => origin.connections[0]!.isClosed);
  origin.connections[1]!.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged');
  await until(() => origin.connections[1]!.isClosed, { what: 'the end of the idle connection' });
  t.equal((await ask(t, proxy.port, get('/b'))).body.toString(), 'real');
  t.equal(origin.connections.length, 3, 'bytes on an idle connection');
});

t.test('bytes behind a reply that is tried again end that connection, too', async (t) => {
  const { proxy, origin } = await proxied(t, ({ index }) =>
    index === 0 ? `${reply('', '', 503)}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged` : reply('real'),
  );
  t.equal((await ask(t, proxy.port, get())).body.toString(), 'real');
  await until(() => origin.connections[0]!.isClosed, { timeoutMs: 1500, what: 'the end of the connection' });
});

t.test('the upstream connection is used again, whoever calls', async (t) => {
  const { proxy, origin } = await proxied(t, ({ head }) => {
    if (head.startsWith('GET /chunks'))
      return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n';
    if (head.startsWith('GET /none')) return 'HTTP/1.1 204 No Content\r\n\r\n';
    if (head.startsWith('GET /same')) return 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "a"\r\n\r\n';
    if (head.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n';
    return reply('hi');
  });
  for (let i = 0; i < 3; i++) t.equal((await ask(t, proxy.port, get())).body.toString(), 'hi');
  const chunks = await ask(t, proxy.port, get('/chunks'));
  t.equal(chunks.body.toString(), 'hi');
  t.equal(chunks.header('transfer-encoding'), 'chunked');
  t.equal(chunks.header('content-length'), undefined);
  const none = await ask(t, proxy.port, get('/none'));
  t.equal(none.status, 204);
  t.equal(none.header('content-length'), undefined);
  t.equal(none.header('transfer-encoding'), undefined);
  const same = await ask(t, proxy.port, get('/same'));
  t.equal(same.header('content-length'), '99');
  t.equal(same.header('etag'), '"a"');
  const client = await rawClient(t, proxy.port);
  client.send('HEAD / HTTP/1.1\r\nHost: app\r\n\r\n');
  t.equal((await client.reply({ bodyless: true })).header('content-length'), '99');
  client.send(get());
  t.equal((await client.reply()).body.toString(), 'hi', 'nothing stood between a reply to HEAD and the next');
  t.equal(origin.connections.length, 1);
});

t.test('HTTP/1.0 callers and origins are carried', async (t) => {
  const { proxy, origin } = await proxied(t, ({ head, connection }) => {
    if (head.startsWith('GET /chunks'))
      return 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n';
    if (head.startsWith('GET /old')) {
      connection.socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end');
      return;
    }
    return reply('hi');
  });
  const old = await rawClient(t, proxy.port);
  old.send('GET / HTTP/1.0\r\nHost: app\r\n\r\n');
  const first = await old.closed();
  t.match(first, /^HTTP\/1\.1 200 Fine\r\n[\s\S]*connection: close[\s\S]*\r\n\r\nhi$/i);
  t.match(origin.requests[0]!.head, /^GET \/ HTTP\/1\.1\r\n/);

  const kept = await rawClient(t, proxy.port);
  kept.send('GET / HTTP/1.0\r\nHost: app\r\nConnection: keep-alive\r\n\r\n');
  t.equal((await kept.reply()).header('connection'), 'keep-alive');
  kept.send('GET /chunks HTTP/1.0\r\nHost: app\r\nConnection: keep-alive\r\n\r\n');
  const unchunked = await kept.closed();
  t.notMatch(unchunked, /chunked/i, 'HTTP/1.0 knows no chunks');
  t.match(unchunked, /\r\n\r\nhi$/);

  const fromOld = await ask(t, proxy.port, get('/old'));
  t.equal(fromOld.header('transfer-encoding'), 'chunked', 'a reply that ends with its connection');
  t.equal(fromOld.body.toString(), 'until the end');
  const oldFromOld = await rawClient(t, proxy.port);
  oldFromOld.send('GET /old HTTP/1.0\r\nHost: app\r\n\r\n');
  t.match(await oldFromOld.closed(), /\r\n\r\nuntil the end$/);
});

t.test('trailers travel both ways, but not the fields that frame a message', async (t) => {
  const { proxy, origin } = await proxied(
    t,
    () =>
      'HTTP/1.1 200 OK\r\nTrailer: Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nSum: 2\r\nContent-Length: 9\r\n\r\n',
  );
  const got = await ask(
    t,
    proxy.port,
    'POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nMy-Sum: 5\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  t.equal(got.trailers, 'Sum: 2\r\n');
  t.equal(got.header('trailer'), 'Sum');
  t.equal(origin.requests[0]!.rawBody, '5\r\nhello\r\n0\r\nMy-Sum: 5\r\n\r\n');
});

t.test('what Connection lists is removed from the head and from the trailers, both ways', async (t) => {
  const connection = 'Connection: x-a, Expect-CT, trailer\r\nX-A: 1\r\nExpect-CT: 2\r\nTrailer: X-A, X-B\r\n';
  const chunks = 'Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-A: 3\r\nX-B: 4\r\n\r\n';
  const { proxy, origin } = await proxied(t, () => `HTTP/1.1 200 OK\r\n${connection}${chunks}`);
  const answer = await ask(t, proxy.port, `POST / HTTP/1.1\r\nHost: app\r\n${connection}${chunks}`);
  t.equal(answer.trailers, 'X-B: 4\r\n');
  t.equal(origin.requests[0]?.rawBody, '1\r\nx\r\n0\r\nX-B: 4\r\n\r\n');
  for (const head of [answer.head, origin.requests[0]!.head]) t.notMatch(head, /x-a|expect-ct|trailer:/i);
});

t.test('an OPTIONS request for a server as a whole reaches the instance as one', async (t) => {
  const { proxy, origin } = await proxied(t, () => reply());
  for (const target of ['http://app', '*', 'http://app/', 'http://app?a'])
    await ask(t, proxy.port, `OPTIONS ${target} HTTP/1.1\r\nHost: app\r\n\r\n`);
  t.same(
    origin.requests.map(({ head }) => head.split(' ')[1]),
    ['*', '*', '/', '/?a'],
  );
});

t.test('interim replies are passed on', async (t) => {
  const { proxy, origin } = await proxied(
    t,
    async ({ connection, head }) => {
      if (head.startsWith('GET')) {
        connection.socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n');
        return reply('page');
      }
      connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      await until(() => connection.received.endsWith('body!'));
      return reply('thanks');
    },
    { at: 'head' },
  );
  const client = await rawClient(t, proxy.port);
  client.send(get());
  const hint = await client.reply();
  t.equal(hint.status, 103);
  t.equal(hint.header('link'), '</a.css>');
  t.equal((await client.reply()).body.toString(), 'page');
  const old = await rawClient(t, proxy.port);
  old.send('GET / HTTP/1.0\r\nHost: app\r\n\r\n');
  t.match(await old.closed(), /^HTTP\/1\.1 200/, 'HTTP/1.0 knows no interim replies');
  const upload = await rawClient(t, proxy.port);
  upload.send('POST / HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
  t.equal((await upload.reply()).status, 100);
  t.match(origin.requests.at(-1)!.head, /\r\nExpect: 100-continue\r\n/);
  upload.send('body!');
  t.equal((await upload.reply()).body.toString(), 'thanks');
});
