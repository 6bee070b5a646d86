import t from 'tap';
import { freePort } from '../../harness/free-port.ts';
import { until } from '../../harness/until.ts';
import { ask, get } from '../harness/raw-client.ts';
import { policy, route, serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Filters of rules that have other things, too. */

const matches = [{ path: { value: '/a' } }];
const rewrite = {
  type: 'URLRewrite',
  urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/b' } },
};
const set = { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-set', value: 'new' }] } };
const setAtBackend = {
  type: 'RequestHeaderModifier',
  requestHeaderModifier: { set: [{ name: 'x-at', value: 'app' }] },
};
const targetOf = (head: string) => head.split('\r\n')[0];

t.test(
  'copies for mirrors are what the rule makes of the request, and not what one of its backends does',
  async (t) => {
    const [origin, other] = [
      await scriptedOrigin(t, () => reply('fine')),
      await scriptedOrigin(t, () => reply('copy')),
    ];
    const rule = {
      matches,
      filters: [rewrite, set],
      backends: [{ service: 'app', filters: [setAtBackend] }],
      mirrors: [{ service: 'other' }],
    };
    const { port } = await staticProxy(t, {
      resources: [...serviceAt('app', origin.port), ...serviceAt('other', other.port), route('r', [rule])],
    });
    t.equal((await ask(t, port, get('/a/1?q', 'any', 'x-set: old\r\n'))).body.toString(), 'fine');
    await until(() => other.requests.length === 1);
    for (const { requests, at } of [
      { requests: origin.requests, at: 'app' },
      { requests: other.requests, at: undefined },
    ]) {
      t.equal(targetOf(requests[0]!.head), 'GET /b/1?q HTTP/1.1');
      t.equal(requests[0]!.header('x-set'), 'new');
      t.equal(requests[0]!.header('x-at'), at);
    }
  },
);

t.test('a session is found by the cookie that came and kept whatever is taken from heads', async (t) => {
  const origins = await Promise.all([1, 2, 3].map(() => scriptedOrigin(t, () => reply('fine', 'set-cookie: a=1\r\n'))));
  const rule = {
    filters: [
      { type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['cookie'] } },
      { type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['set-cookie'] } },
    ],
    backends: [{ service: 'app' }],
    sessionPersistence: { sessionName: 'session' },
  };
  const { port } = await staticProxy(t, {
    resources: [...serviceAt('app', ...origins.map((origin) => origin.port)), route('r', [rule])],
  });
  const first = await ask(t, port, get('/'));
  const cookie = first.header('set-cookie')?.split(';')[0] ?? '';
  t.match(cookie, /^session=/);
  for (let i = 0; i < 9; i++) {
    const next = await ask(t, port, get('/', 'any', `cookie: ${cookie}\r\n`));
    t.equal(next.header('set-cookie'), undefined, 'the session goes on');
  }
  const counts = origins.map(({ requests }) => requests.length);
  t.strictSame([...counts].sort(), [0, 0, 10]);
  t.notOk(origins.some(({ requests }) => requests.some(({ header }) => header('cookie') !== undefined)));
});

t.test('a reply of a rate limit can be read by scripts, and a preflight costs nothing', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rule = {
    filters: [{ type: 'CORS', cors: { allowOrigins: ['https://shop.test'] } }],
    backends: [{ service: 'app' }],
    rateLimits: [{ name: 'few', requests: 1, per: '1h' }],
  };
  const { port } = await staticProxy(t, { resources: [...serviceAt('app', origin.port), route('r', [rule])] });
  const fields = 'Origin: https://shop.test\r\n';
  const preflight = `OPTIONS / HTTP/1.1\r\nHost: any\r\n${fields}Access-Control-Request-Method: GET\r\n\r\n`;
  for (const [request, status] of [
    [preflight, 204],
    [get('/', 'any', fields), 200],
    [get('/', 'any', fields), 429],
    [preflight, 204],
  ] as const) {
    const got = await ask(t, port, request);
    t.equal(got.status, status);
    t.equal(got.header('access-control-allow-origin'), 'https://shop.test');
  }
});

t.test(
  'a service that stands in gets what the rule makes of the request, and not what the other backend does',
  async (t) => {
    const other = await scriptedOrigin(t, () => reply('other'));
    const rule = { matches, filters: [rewrite, set], backends: [{ service: 'app', filters: [setAtBackend] }] };
    const { port } = await staticProxy(t, {
      resources: [
        ...serviceAt('app', await freePort()),
        ...serviceAt('other', other.port),
        policy('app', {
          retry: { attempts: 0 },
          breaker: { consecutiveFailures: 1, openFor: '60s', fallback: { service: 'other' } },
        }),
        route('r', [rule]),
      ],
    });
    t.equal((await ask(t, port, get('/a/1'))).status, 503);
    t.equal((await ask(t, port, get('/a/1', 'any', 'x-set: old\r\n'))).body.toString(), 'other');
    const [request] = other.requests;
    t.equal(targetOf(request!.head), 'GET /b/1 HTTP/1.1');
    t.equal(request!.header('x-set'), 'new');
    t.equal(request!.header('x-at'), undefined);
  },
);

t.test('a session whose instance is cut off while its request is delayed goes on elsewhere', async (t) => {
  const origins = await Promise.all(
    ['0', '1'].map((place) =>
      scriptedOrigin(t, ({ head }) => reply(place, '', head.startsWith('GET /fail') ? 500 : 200)),
    ),
  );
  const common = { backends: [{ service: 'app' }], sessionPersistence: { sessionName: 'session' } };
  const delay = { type: 'Fault', fault: { delay: { duration: '500ms', percent: 100 } } };
  const rules = [{ ...common, matches: [{ path: { value: '/late' } }], filters: [delay] }, common];
  const breaker = { consecutiveFailures: 1, openFor: '1h', jitter: 0 };
  const resources = [
    ...serviceAt('app', ...origins.map(({ port }) => port)),
    policy('app', { breaker, retry: { attempts: 0 } }),
    route('r', rules),
  ];
  const proxy = await staticProxy(t, { resources });
  const first = await ask(t, proxy.port, get());
  const session = `Cookie: ${first.header('set-cookie')!.split(';')[0]}\r\n`;
  const late = ask(t, proxy.port, get('/late', 'app', session));
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 1, { what: 'the delayed request' });
  t.equal((await ask(t, proxy.port, get('/fail', 'app', session))).status, 500);
  const got = await late;
  t.equal(got.status, 200);
  t.not(got.body.toString(), first.body.toString());
});
