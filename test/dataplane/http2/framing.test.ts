import t from 'tap';
import { Flag, has } from '../../harness/http2/frame.ts';
import { frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { frameOrigin, type OriginStream, replyFrames } from '../../harness/http2/frame-origin.ts';
import { dataFrame, headersFrames } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { serviceAt } from '../harness/resources.ts';
import { scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** Where messages end, in the words of the protocol that they leave in. */

const named = (fields: readonly Field[], name: string) =>
  fields.filter(([one]) => one === name).map(([, value]) => value);

/** Replies by their path. */
const replies: Readonly<Record<string, (stream: number) => Buffer>> = {
  '/empty': (stream) => replyFrames(stream, { fields: [['x-a', 'b']] }),
  '/empty-data': (stream) =>
    Buffer.concat([
      headersFrames(stream, headerBlock([[':status', '200']])),
      dataFrame(stream, '', { endStream: true }),
    ]),
  '/204': (stream) => replyFrames(stream, { status: 204 }),
  '/304': (stream) => replyFrames(stream, { status: 304, fields: [['content-length', '7']] }),
  '/body': (stream) => replyFrames(stream, { body: 'some body' }),
  '/length': (stream) => replyFrames(stream, { body: 'some body', fields: [['content-length', '9']] }),
  '/padded': (stream) =>
    Buffer.concat([
      headersFrames(stream, headerBlock([[':status', '200']]), { padding: 9 }),
      dataFrame(stream, 'some ', { padding: 200 }),
      dataFrame(stream, 'body', { padding: 0, endStream: true }),
    ]),
  '/trailers': (stream) => replyFrames(stream, { body: 'some body', trailers: [['x-end', 'yes']] }),
  '/only-trailers': (stream) => replyFrames(stream, { trailers: [['x-end', 'yes']] }),
  '/both': (stream) =>
    replyFrames(stream, { body: 'some body', fields: [['content-length', '9']], trailers: [['x-end', 'yes']] }),
};

async function http2App(t: Parameters<typeof frameOrigin>[0]) {
  const origin = await frameOrigin(
    t,
    ({ stream, header }) => replies[header(':path')!]?.(stream) ?? replyFrames(stream),
  );
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
  return { origin, proxy };
}

t.test('a reply of HTTP/2 ends in HTTP/1.1 as it says, or as nothing else can be said', async (t) => {
  const { proxy } = await http2App(t);
  const client = await rawClient(t, proxy.port);
  const wanted: readonly [
    path: string,
    length: string | undefined,
    coding: string | undefined,
    body: string,
    trailers: string,
  ][] = [
    ['/empty', '0', undefined, '', ''],
    ['/empty-data', undefined, 'chunked', '', ''],
    ['/204', undefined, undefined, '', ''],
    ['/304', '7', undefined, '', ''],
    ['/body', undefined, 'chunked', 'some body', ''],
    ['/length', '9', undefined, 'some body', ''],
    ['/padded', undefined, 'chunked', 'some body', ''],
    ['/trailers', undefined, 'chunked', 'some body', 'x-end: yes\r\n'],
    ['/only-trailers', undefined, 'chunked', '', 'x-end: yes\r\n'],
    ['/both', '9', undefined, 'some body', ''],
  ];
  for (const [path, length, coding, body, trailers] of wanted) {
    client.send(get(path));
    const reply = await client.reply();
    t.strictSame(
      [reply.header('content-length'), reply.header('transfer-encoding'), reply.body.toString(), reply.trailers],
      [length, coding, body, trailers],
      path,
    );
    t.equal(reply.header('connection'), undefined, 'the connection stays');
  }
  t.equal(client.received, '');
});

t.test('a reply of HTTP/2 to HEAD says no length but its own', async (t) => {
  const origin = await frameOrigin(t, ({ stream, header }) =>
    replyFrames(stream, { fields: header(':path') === '/length' ? [['content-length', '9']] : [] }),
  );
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
  const client = await rawClient(t, proxy.port);
  for (const [path, length] of [
    ['/length', '9'],
    ['/', undefined],
  ] as const) {
    client.send(get(path).replace('GET', 'HEAD'));
    const reply = await client.reply({ bodyless: true });
    t.strictSame([reply.header('content-length'), reply.header('transfer-encoding')], [length, undefined]);
  }
});

t.test('to a caller of HTTP/1.0 a reply of HTTP/2 ends with its length, or with the connection', async (t) => {
  const { proxy } = await http2App(t);
  for (const [path, length] of [
    ['/length', '9'],
    ['/body', undefined],
    ['/trailers', undefined],
  ] as const) {
    const client = await rawClient(t, proxy.port);
    client.send(`GET ${path} HTTP/1.0\r\nHost: app\r\n\r\n`);
    const received = await client.closed();
    t.match(received, /\r\n\r\nsome body$/);
    t.equal(/content-length: (\d+)/i.exec(received)?.[1], length);
    t.notMatch(received, /transfer-encoding/i);
  }
});

t.test('a request of HTTP/1.1 ends in HTTP/2 with its head, its length or its last frame', async (t) => {
  const { origin, proxy } = await http2App(t);
  const chunks = 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n';
  const cases: readonly [rest: string, length: string[], body: string, trailers: Field[]][] = [
    ['\r\n', [], '', []],
    ['Content-Length: 0\r\n\r\n', ['0'], '', []],
    ['Content-Length: 5\r\n\r\nabcde', ['5'], 'abcde', []],
    [`${chunks}\r\n`, [], 'abcde', []],
    [`${chunks}X-Sum: 42\r\n\r\n`, [], 'abcde', [['x-sum', '42']]],
    ['Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', [], '', []],
  ];
  for (const [i, [rest, length, body, trailers]] of cases.entries()) {
    await ask(t, proxy.port, `POST / HTTP/1.1\r\nHost: app\r\n${rest}`);
    const { fields, body: received, trailers: ending, hasEnded } = origin.requests[i]!;
    t.strictSame([named(fields, 'content-length'), `${received}`, ending], [length, body, trailers], rest);
    t.ok(hasEnded);
  }
  const first = origin.connections[0]!.frames.find(({ stream }) => stream === 1);
  t.ok(has(first!, Flag.endStream), 'without a body the head says that it is all');
});

t.test('what belongs to one connection of HTTP/1.1 does not come out of it', async (t) => {
  const { origin, proxy } = await http2App(t);
  await ask(
    t,
    proxy.port,
    'GET /a HTTP/1.1\r\nHOST: App:80\r\nX-Upper-CASE: Value\r\nConnection: keep-alive, X-Listed\r\nX-Listed: 1\r\n' +
      'Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nTrailer: x\r\n\r\n',
  );
  const { fields } = origin.requests[0]!;
  const own = new Set([':method', ':scheme', ':authority', ':path', 'x-upper-case', 'trailer', 'traceparent', 'via']);
  t.strictSame(
    fields.filter(([name]) => !own.has(name)),
    [],
  );
  t.strictSame(fields.slice(0, 4), [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'App:80'],
    [':path', '/a'],
  ]);
  t.strictSame(named(fields, 'x-upper-case'), ['Value']);
});

t.test('targets of HTTP/1.1 in any form are a path and an authority in HTTP/2', async (t) => {
  const { origin, proxy } = await http2App(t);
  const targets: readonly [line: string, path: string, authority: string][] = [
    ['GET /a/b?c=d', '/a/b?c=d', 'app'],
    ['GET http://app:81/a?b', '/a?b', 'app:81'],
    ['GET http://app', '/', 'app'],
    ['GET http://app?q', '/?q', 'app'],
    ['OPTIONS *', '*', 'app'],
    ['OPTIONS http://app', '*', 'app'],
    ['OPTIONS http://app/', '/', 'app'],
  ];
  for (const [i, [line, path, authority]] of targets.entries()) {
    await ask(t, proxy.port, `${line} HTTP/1.1\r\nHost: app\r\n\r\n`);
    const { header } = origin.requests[i]!;
    t.strictSame([header(':path'), header(':authority')], [path, authority], line);
  }
});

t.test(
  'a request of HTTP/2 is one of HTTP/1.1 with Host, a length or chunks, and its cookie in one line',
  async (t) => {
    const origin = await scriptedOrigin(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
    const client = await frameClient(t, proxy.port);
    const more: Field[] = [
      ['cookie', 'a=1'],
      ['te', 'trailers'],
      ['cookie', 'b=2'],
    ];
    const calls: readonly [method: string, fields: Field[], options: { body?: string; trailers?: Field[] }][] = [
      ['GET', more, {}],
      ['POST', [], {}],
      ['POST', [['content-length', '5']], { body: 'hello' }],
      ['POST', [], { body: 'hello' }],
      ['POST', [], { body: 'hello', trailers: [['x-sum', '42']] }],
      ['GET', [], { body: '' }],
    ];
    for (const [method, fields, options] of calls)
      t.match(await client.reply(client.request(requestFields(method, '/p?q', 'App:8080', fields), options)), {
        status: 200,
      });
    const seen = origin.requests.map(({ head, rawBody, header }) => [
      head.split('\r\n')[0],
      header('host'),
      header('content-length'),
      header('transfer-encoding'),
      rawBody,
    ]);
    const chunk = '5\r\nhello\r\n0\r\n';
    t.strictSame(seen, [
      ['GET /p?q HTTP/1.1', 'App:8080', undefined, undefined, ''],
      ['POST /p?q HTTP/1.1', 'App:8080', '0', undefined, ''],
      ['POST /p?q HTTP/1.1', 'App:8080', '5', undefined, 'hello'],
      ['POST /p?q HTTP/1.1', 'App:8080', undefined, 'chunked', `${chunk}\r\n`],
      ['POST /p?q HTTP/1.1', 'App:8080', undefined, 'chunked', `${chunk}x-sum: 42\r\n\r\n`],
      ['GET /p?q HTTP/1.1', 'App:8080', undefined, 'chunked', '0\r\n\r\n'],
    ]);
    t.equal(origin.requests[0]!.header('cookie'), 'a=1; b=2');
    t.equal(origin.requests[0]!.header('te'), undefined);
  },
);

t.test('a reply of HTTP/1.1 ends in HTTP/2 with the last frame that there is anyway', async (t) => {
  const bodies: Readonly<Record<string, string>> = {
    '/empty': 'Content-Length: 0\r\n\r\n',
    '/length': 'Content-Length: 4\r\n\r\nbody',
    '/chunks': 'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
    '/trailers': 'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-End: yes\r\nContent-Length: 4\r\n\r\n',
    '/close': 'Connection: close, X-Listed\r\nX-Listed: 1\r\nKeep-Alive: 5\r\n\r\nbody',
  };
  const origin = await scriptedOrigin(t, ({ head, connection }) => {
    const path = head.split(' ')[1]!;
    if (path === '/close') connection.socket.end(`HTTP/1.1 200 OK\r\n${bodies[path]}`);
    return path === '/close' ? undefined : `HTTP/1.1 200 OK\r\n${bodies[path]}`;
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await frameClient(t, proxy.port);
  const frames: Record<string, string[]> = {};
  for (const path of Object.keys(bodies)) {
    const stream = client.request(requestFields('GET', path));
    const reply = await client.reply(stream);
    t.match(reply, { status: 200, end: 'whole' });
    t.equal(reply.body.toString(), path === '/empty' ? '' : 'body');
    t.strictSame(reply.trailers, path === '/trailers' ? [['x-end', 'yes']] : []);
    const names = reply.fields.map(([name]) => name).filter((name) => name !== 'date');
    t.strictSame(names, path === '/empty' || path === '/length' ? [':status', 'content-length'] : [':status'], path);
    const seen = client.frames.filter((frame) => frame.stream === stream);
    frames[path] = seen.map(({ type, flags }) => `${type}/${flags & Flag.endStream}`);
  }
  t.strictSame(frames['/empty'], ['1/1']);
  t.strictSame(frames['/length'], ['1/0', '0/1']);
  t.strictSame(frames['/chunks'], ['1/0', '0/1']);
  t.strictSame(frames['/trailers'], ['1/0', '0/0', '1/1']);
});

t.test('te: trailers travels on over HTTP/2, and from nobody else', async (t) => {
  const origin = await frameOrigin(t, ({ stream }: OriginStream) => replyFrames(stream));
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
  const client = await frameClient(t, proxy.port);
  await client.reply(client.request(requestFields('GET', '/', 'app', [['te', 'trailers']])));
  await client.reply(client.request(requestFields('GET')));
  t.strictSame(
    origin.requests.map(({ header }) => header('te')),
    ['trailers', undefined],
  );
});
