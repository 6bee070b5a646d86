import t from 'tap';
import { ask, get, rawClient } from '../harness/raw-client.ts';
import { route, serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { allPairs, filtered, hostOf } from './filtered.ts';

const rewrite = (urlRewrite: object) => ({ type: 'URLRewrite', urlRewrite });
const prefix = (replacePrefixMatch: string) => ({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch } });
const full = (replaceFullPath: string) => ({ path: { type: 'ReplaceFullPath', replaceFullPath } });
const under = (value: string) => ({ matches: [{ path: { value } }] });

type Row = readonly [title: string, rule: object, path: string, target: string, host?: string];

const rows: readonly Row[] = [
  ['a prefix', { ...under('/one'), filters: [rewrite(prefix('/two'))] }, '/one/a?b=c', '/two/a?b=c'],
  ['a prefix that is all there is', { ...under('/one'), filters: [rewrite(prefix('/two'))] }, '/one?b', '/two?b'],
  ['a prefix that is cut off', { ...under('/one'), filters: [rewrite(prefix(''))] }, '/one/a', '/a'],
  ['all of a path that is cut off', { ...under('/one/'), filters: [rewrite(prefix('/'))] }, '/one?b', '/?b'],
  ['what would read as a host', { ...under('/one'), filters: [rewrite(prefix('/'))] }, '/one//b.test/', '/b.test/'],
  ['a whole path', { filters: [rewrite(full('/new'))] }, '/a/b/c?d=e?f', '/new?d=e?f'],
  ['a host', { filters: [rewrite({ hostname: 'b.test' })] }, '/a?b', '/a?b', 'b.test'],
  ['both', { ...under('/a'), filters: [rewrite({ hostname: 'b.test', ...prefix('/c') })] }, '/a/b', '/c/b', 'b.test'],
  [
    'a backend’s host and its rule’s path',
    {
      ...under('/a'),
      filters: [rewrite({ hostname: 'b.test', ...prefix('/c') })],
      backendFilters: [rewrite({ hostname: 'd.test' })],
    },
    '/a/b',
    '/c/b',
    'd.test',
  ],
  [
    'a backend’s path, from what was asked for',
    { ...under('/a'), filters: [rewrite(prefix('/c'))], backendFilters: [rewrite(prefix('/d'))] },
    '/a/b',
    '/d/b',
  ],
  [
    'a path with fields',
    {
      ...under('/a'),
      filters: [
        rewrite(prefix('/c')),
        { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-a', value: '1' }] } },
      ],
    },
    '/a/b',
    '/c/b',
  ],
];

for (const pair of allPairs)
  t.test(`${pair.join(' -> ')}: what an instance sees as path and host`, async (t) => {
    const { call, seen } = await filtered(
      t,
      pair,
      rows.map(([, rule]) => rule),
    );
    for (const [i, [title, , path, target, host = hostOf(i)]] of rows.entries())
      for (const method of ['GET', 'POST', 'GET', 'GET']) {
        const { status } = await call(i, { method, path });
        t.equal(status, 200, title);
        t.match(seen(), [{ method, target, host }], title);
      }
  });

/** Requests of HTTP/1 byte by byte: what comes, and the first lines that the instance gets. */
const bytes: readonly (readonly [title: string, request: string, expected: readonly string[]])[] = [
  [
    'an absolute target',
    'GET http://r.test/one/a?b HTTP/1.1\r\nHost: other\r\n\r\n',
    ['GET /two/a?b HTTP/1.1', 'Host: r.test'],
  ],
  [
    'an absolute target without a path',
    'GET http://r.test?b HTTP/1.1\r\nHost: r.test\r\n\r\n',
    ['GET /two/?b HTTP/1.1', 'Host: r.test'],
  ],
  ['HTTP/1.0', 'GET /one/a HTTP/1.0\r\nHost: r.test\r\nX: y\r\n\r\n', ['GET /two/a HTTP/1.1', 'Host: r.test', 'X: y']],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: r.test\r\n\r\n', ['OPTIONS * HTTP/1.1', 'Host: r.test']],
  [
    'OPTIONS of a host',
    'OPTIONS http://r.test HTTP/1.1\r\nHost: r.test\r\n\r\n',
    ['OPTIONS * HTTP/1.1', 'Host: r.test'],
  ],
  ['a method of its own', 'PURGE /one HTTP/1.1\r\nHost: r.test\r\n\r\n', ['PURGE /two HTTP/1.1', 'Host: r.test']],
];

t.test('targets of every form', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const matches = [{ path: { value: '/one' } }, { path: { value: '/' } }];
  const rules = [{ matches, filters: [rewrite(prefix('/two'))], backends: [{ service: 'app' }] }];
  const { port } = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), route('r', rules, ['r.test'])],
  });
  for (const [title, request, expected] of bytes) {
    t.equal((await ask(t, port, request)).status, 200, title);
    t.strictSame(origin.requests.at(-1)!.head.split('\r\n').slice(0, expected.length), expected, title);
  }
  const client = await rawClient(t, port);
  client.send(get('/one/1', 'r.test') + get('/one/2', 'r.test') + get('/three', 'r.test'));
  for (let i = 0; i < 3; i++) t.equal((await client.reply()).status, 200);
  t.strictSame(
    origin.requests.slice(-3).map(({ head }) => head.split('\r\n')[0]),
    ['GET /two/1 HTTP/1.1', 'GET /two/2 HTTP/1.1', 'GET /two/three HTTP/1.1'],
    'requests behind one another',
  );
});

t.test('the next hop hears which host was asked for', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rules = [{ filters: [rewrite({ hostname: 'b.test' })], backends: [{ service: 'app' }] }];
  const listeners = [{ name: 'out', port: 0, forwarding: { application: [], fields: 'both' } }];
  const { port } = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), route('r', rules, ['r.test'])],
    spec: { listeners },
  });
  await ask(t, port, get('/', 'r.test:81'));
  const [request] = origin.requests;
  t.equal(request!.header('host'), 'b.test');
  t.equal(request!.header('x-forwarded-host'), 'r.test:81');
  t.match(request!.header('forwarded'), /;host="r\.test:81"$/);
});

t.test('a CONNECT is carried as it is', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined);
  const rules = [
    {
      filters: [rewrite({ hostname: 'b.test', ...full('/new') }), { type: 'Fault', fault: { abort: { status: 500 } } }],
      backends: [{ service: 'app' }],
    },
  ];
  const { port } = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), route('r', rules, ['r.test'])],
    spec: { listeners: [{ name: 'out', port: 0, connect: true }] },
  });
  const client = await rawClient(t, port);
  client.send(`CONNECT r.test:${origin.port} HTTP/1.1\r\nHost: r.test:${origin.port}\r\n\r\n`);
  t.equal((await client.reply({ bodyless: true })).status, 200);
});
