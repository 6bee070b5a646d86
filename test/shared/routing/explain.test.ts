import fc from 'fast-check';
import t from 'tap';
import { Buckets, newBucketMemory } from '../../../dataplane/filters/rate-limit/buckets.ts';
import { compileSnapshot } from '../../../dataplane/snapshot/compile.ts';
import { OwnListeners } from '../../../dataplane/snapshot/own-listeners.ts';
import { ResourceStore } from '../../../dataplane/snapshot/resource-store.ts';
import type { Snapshot } from '../../../dataplane/snapshot/snapshot.ts';
import { newSlotMemory, SlotTable } from '../../../observability/metrics/slots.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { type AskedRequest, readAskedRequest, viewOf } from '../../../shared/routing/explain/asked-request.ts';
import { explain } from '../../../shared/routing/explain.ts';
import type { Workload } from '../../../shared/routing/source.ts';
import { instance, policy, route, service } from '../../dataplane/harness/resources.ts';
import { holdsFor } from '../../harness/property.ts';

const nobody: Workload = { service: null, namespace: null, labels: {} };

function asked(
  url: string,
  { method = 'GET', fields = [] }: { method?: string; fields?: readonly string[] } = {},
): AskedRequest {
  const read = readAskedRequest(method, url, fields);
  if (!read.ok) throw new Error(JSON.stringify(read.issues));
  return read.value;
}

const to = (name: string, ...matches: object[]) => ({ name, matches, backends: [{ service: 'cart' }] });
const path = (type: string, value: string) => ({ path: { type, value } });
const prefix = (value: string) => path('PathPrefix', value);

t.test('it says which rule is taken, and of every other one why it is not', async (t) => {
  const rows: readonly [match: object, words: string, why: string][] = [
    [prefix('/v1'), 'prefix /v1', 'path /v1 is no prefix of /v2/x'],
    [path('Exact', '/v2'), 'path /v2', 'path /v2/x is not /v2'],
    [path('Template', '/{a}'), 'template /{a}', 'path /v2/x does not fit template /{a}'],
    [path('RegularExpression', '/v[13].*'), 'pattern /v[13].*', 'path /v2/x does not match pattern /v[13].*'],
    [{ method: 'PUT' }, 'method PUT', 'method GET is not PUT'],
    [{ grpc: { service: 'a.B' } }, 'gRPC service a.B', 'method GET is not POST, so it is no call of gRPC'],
    [{ headers: [{ name: 'X', value: 'z' }] }, 'header X is z', 'header X is not z'],
    [{ headers: [{ name: 'X', value: 'y', invert: true }] }, 'header X is not y', 'header X is y'],
    [{ headers: [{ name: 'w', value: 'z' }] }, 'header w is z', 'header w is missing'],
    [{ headers: [{ name: 'x', type: 'Absent' }] }, 'header x is missing', 'header x is there'],
    [{ headers: [{ name: 'x', type: 'Present', invert: true }] }, 'header x is missing', 'header x is there'],
    [
      { headers: [{ name: 'x', type: 'RegularExpression', value: 'a+' }] },
      'header x matches a+',
      'header x does not match a+',
    ],
    [
      { queryParams: [{ name: 'p', type: 'RegularExpression', value: '.*', invert: true }] },
      'query parameter p does not match .*',
      'query parameter p matches .*',
    ],
    [{ queryParams: [{ name: 'q', type: 'Present' }] }, 'query parameter q is there', 'query parameter q is missing'],
    [{ cookies: [{ name: 'c', value: '' }] }, 'cookie c is empty', 'cookie c is missing'],
    [{ cookies: [{ name: 'd', value: '2' }] }, 'cookie d is 2', 'cookie d is not 2'],
    [
      { source: { services: ['web', 'api'], namespaces: ['shop'], labels: { a: 'b', c: 'd' } } },
      'for callers of service web or api in namespace shop with a=b and c=d only',
      'for callers of service web or api in namespace shop with a=b and c=d only',
    ],
    [prefix('/'), 'prefix /', 'less specific: prefix /v2 is longer'],
    [prefix('/v2'), 'prefix /v2', 'less specific: it names no method'],
    [
      { ...prefix('/v2'), method: 'GET', cookies: [{ name: 'd', value: '1' }] },
      'prefix /v2, method GET, cookie d is 1',
      'less specific: fewer conditions on header fields and cookies: 1, not 2',
    ],
    [
      { ...prefix('/v2'), method: 'GET', headers: [{ name: 'x', value: 'y' }], cookies: [{ name: 'd', value: '1' }] },
      'prefix /v2, method GET, header x is y, cookie d is 1',
      'less specific: fewer conditions on query parameters: 0, not 1',
    ],
  ];
  const winner = {
    ...prefix('/v2'),
    method: 'GET',
    headers: [{ name: 'x', value: 'y' }],
    cookies: [{ name: 'd', value: '1' }],
    queryParams: [{ name: 'p', value: '1' }],
  };
  const others = rows.map(([match], i) => to(`r${i}`, match));
  const resources = [
    service('cart'),
    route('shop', [...others, to('winner', winner), to('last', winner)], ['cart']),
    route('suffix', [to('all')], ['*.cart', '*']),
    route('elsewhere', [to('all')], ['*.shop', 'shop']),
  ];
  const request = asked('http://cart/v2/x?p=1', { fields: ['x: y', 'cookie: d=1'] });
  const explanation = explain(resources, request, nobody);
  t.match(explanation, {
    host: { routes: 'cart', why: 'routes are written for exactly this name' },
    matched: { name: 'shop/winner' },
    reply: null,
    live: null,
  });
  t.strictSame(explanation.others, [
    ...rows.map(([, match, why], i) => ({ name: `shop/r${i}`, match, why })),
    { name: 'shop/last', match: explanation.matched?.match, why: 'comes later in the same route' },
    { name: 'suffix/all', match: 'any request', why: 'it is for *, and routes for cart come first' },
  ]);
});

t.test('of two that hold it says which order decided', async (t) => {
  const created = (resource: AnyResource, revision: number): AnyResource => ({
    ...resource,
    status: { created: revision },
  });
  const call = { method: 'POST' };
  const rows: readonly [winner: object, loser: object, why: string, asked?: { method: string }][] = [
    [path('Exact', '/a/b'), path('Template', '/a/b'), 'exact paths come before templates'],
    [path('Template', '/**'), path('RegularExpression', '.*'), 'templates come before patterns'],
    [path('RegularExpression', '.*'), {}, 'patterns come before prefixes'],
    [path('Template', '/a/*'), path('Template', '/**'), 'template /a/* says more of the path'],
    [{ grpc: { method: 'b' } }, { method: 'POST' }, 'calls of gRPC come before prefixes', call],
    [{ grpc: { service: 'a' } }, { grpc: { method: 'b' } }, 'gRPC service a is longer', call],
    [
      { grpc: { service: 'a' } },
      { grpc: { type: 'RegularExpression', service: 'a' } },
      'names come before patterns',
      call,
    ],
  ];
  for (const [winner, loser, why, how] of rows) {
    const resources = [service('cart'), route('r', [to('loser', loser), to('winner', winner)])];
    const { matched, others } = explain(resources, asked('http://h/a/b', how), nobody);
    t.equal(matched?.name, 'r/winner', why);
    t.equal(others[0]?.why, `less specific: ${why}`);
  }
  const whyOf = (...routes: AnyResource[]) => explain(routes, asked('http://h/'), nobody).others[0]?.why;
  t.equal(whyOf(created(route('a', [to('x')]), 2), created(route('b', [to('x')]), 1)), 'younger than route b');
  t.equal(whyOf(route('b', [to('x')]), route('a', [to('x')])), 'route a comes first by its name');
});

t.test('it says whose routes hold for a host, and what a request without a rule is answered', async (t) => {
  const resources = [
    service('cart'),
    service('stock'),
    route('near', [to('a', prefix('/a'))], ['*.b.shop']),
    route('far', [to('a')], ['*.shop']),
    route('own', [to('a', { source: { services: ['web'] } })], ['cart']),
  ];
  const rows: readonly [url: string, routes: string | null, rule: string | null, code: string | null, why: RegExp][] = [
    ['http://a.b.shop/a', '*.b.shop', 'near/a', null, /^\*\.b\.shop is the longest suffix/],
    ['http://a.b.shop/b', '*.b.shop', null, 'route_not_found', /longest suffix/],
    ['http://b.shop/', '*.shop', 'far/a', null, /longest suffix/],
    ['http://cart/', null, '(service)', null, /^no route is written for cart or for \*, so it is the service/],
    ['http://stock/', null, '(service)', null, /so it is the service of that name/],
    ['http://shop/', null, null, 'route_not_found', /and there is no service of that name/],
  ];
  for (const [url, routes, rule, code, why] of rows) {
    const explanation = explain(resources, asked(url), nobody);
    t.equal(explanation.host.routes, routes, url);
    t.match(explanation.host.why, why);
    t.equal(explanation.matched?.name ?? null, rule, url);
    t.strictSame(explanation.reply, code && { code, status: 404 }, url);
  }
  const web: Workload = { service: 'web', namespace: null, labels: {} };
  t.equal(explain(resources, asked('http://cart/'), web).matched?.name, 'own/a');
  const any = [...resources, route('any', [{ backends: [] }])];
  t.match(explain(any, asked('http://stock/'), nobody), {
    host: { routes: '*', why: 'no route is written for stock itself, so those for * hold' },
    matched: { name: 'any/0', match: 'any request' },
    reply: { code: 'no_backend', status: 500 },
  });
  for (const [filter, reply] of [
    [
      { type: 'RequestRedirect', requestRedirect: { port: 81, statusCode: 308 } },
      { code: 'redirected', status: 308 },
    ],
    [
      { type: 'DirectResponse', directResponse: { status: 403 } },
      { code: 'direct_response', status: 403 },
    ],
  ] as const)
    t.match(explain([route('any', [{ filters: [filter] }])], asked('http://stock/'), nobody), { reply });
});

t.test('it says where times and tries come from, and which instances there are', async (t) => {
  const resources = [
    service('cart'),
    service('db', 'tcp'),
    instance('a', 'cart', 81, { labels: { version: 'v1', 'topology.kubernetes.io/zone': 'eu' }, weight: 3 }),
    instance('b', 'cart', 82, { labels: { version: 'v2' }, status: 'draining' }),
    policy('cart', { timeouts: { request: '3s' }, retry: { attempts: 5 }, breaker: {}, hedge: {} }),
    route('r', [
      {
        timeouts: { backendRequest: '1s' },
        backends: [
          { service: 'cart', labels: { version: 'v1' }, weight: 2 },
          { service: 'cart', labels: { version: 'v2' } },
          { service: 'cart', weight: 0 },
          { service: 'db' },
          { service: 'gone' },
        ],
      },
      {
        matches: [prefix('/own')],
        retry: { attempts: 1 },
        hedge: {},
        backends: [{ service: 'gone' }, { service: 'cart', weight: 0 }],
      },
    ]),
  ];
  const { backends, reply } = explain(resources, asked('http://h/'), nobody);
  t.equal(reply, null);
  t.strictSame(
    backends.map(({ service, percent, problem }) => [service, percent, problem]),
    [
      ['cart', 40, null],
      ['cart', 20, 'no instance of it is up: its share is answered 503 (no_endpoint)'],
      ['cart', 0, 'its weight is 0'],
      ['db', 20, 'it speaks no HTTP: its share is answered 501 (not_implemented)'],
      ['gone', 20, 'there is no service gone: its share is answered 500 (no_backend)'],
    ],
  );
  t.match(backends[0], {
    timeouts: {
      request: { value: '3s', from: 'policy cart-policy' },
      perTry: { value: '1s', from: 'rule' },
      idle: { value: '5m', from: 'policy cart-policy' },
    },
    retry: { value: { attempts: 5 }, from: 'policy cart-policy' },
    retryBudget: { value: { percent: 20 }, from: 'policy cart-policy' },
    balancer: { value: 'least-request', from: 'default' },
    policies: { breaker: 'cart-policy', hedge: 'cart-policy' },
  });
  t.strictSame(backends[0]?.endpoints, [
    { name: 'a', address: '127.0.0.1', port: 81, weight: 3, zone: 'eu', status: 'up', live: null },
  ]);
  t.match(backends[1]?.endpoints, [{ name: 'b', zone: null, status: 'draining' }]);
  t.match(backends[4], { timeouts: { idle: { value: '5m', from: 'default' } }, endpoints: [], policies: {} });
  const own = explain(resources, asked('http://h/own'), nobody);
  t.match(own.reply, { code: 'no_backend', status: 500 });
  t.match(own.more, { hedge: { quantile: 0.95 } });
  t.strictSame(own.backends[1]?.policies, { breaker: 'cart-policy' });
  t.match(own.backends[1]?.retry, { value: { attempts: 1 }, from: 'rule' });
});

/** As a worker of a proxy beside this workload compiles it. */
function compiled(resources: readonly AnyResource[], workload: Workload): Snapshot {
  return compileSnapshot(new ResourceStore().with(resources, []), 1, null, {
    metrics: new SlotTable(newSlotMemory(), () => undefined),
    makePool: () => {
      throw new Error('there are no instances');
    },
    buckets: new Buckets(newBucketMemory(), 0),
    now: () => 0,
    random: () => 0,
    workers: 1,
    application: null,
    workload,
    zone: null,
    ownListeners: new OwnListeners(),
    onBreaker: () => undefined,
  });
}

const match = fc.record(
  {
    path: fc.oneof(
      fc
        .constantFrom(path('Exact', '/a'), path('Template', '/{x}'), path('RegularExpression', '/a.*'))
        .map((one) => one.path),
      fc.constantFrom('/', '/a', '/a/b').map((value) => ({ type: 'PathPrefix', value })),
    ),
    method: fc.constantFrom('GET', 'POST'),
    headers: fc.constantFrom([{ name: 'x', value: '1' }], [{ name: 'x', type: 'Absent' }]),
    queryParams: fc.constantFrom([{ name: 'p', type: 'Present' }], [{ name: 'p', value: '1', invert: true }]),
    cookies: fc.constant([{ name: 'c', value: '1' }]),
    source: fc.constantFrom({ services: ['web'] }, { namespaces: ['shop'] }, { labels: { v: '1' } }),
  },
  { requiredKeys: [] },
);
const grpc = fc.constantFrom(
  { grpc: { service: 'a' } },
  { grpc: { method: 'b' } },
  { grpc: { type: 'RegularExpression', method: '.' } },
);
const rules = fc.array(fc.array(fc.oneof({ weight: 5, arbitrary: match }, grpc), { maxLength: 3 }), {
  minLength: 1,
  maxLength: 4,
});
const hostnames = fc.uniqueArray(fc.constantFrom('*', '*.shop', '*.b.shop', 'cart', 'a.b.shop'), { minLength: 1 });
const callers = fc.constantFrom<Workload[]>(nobody, { service: 'web', namespace: 'shop', labels: { v: '2' } });
const requests = fc.record({
  url: fc.tuple(
    fc.constantFrom('cart', 'a.b.shop', 'c.shop', 'stock', 'nobody'),
    fc.constantFrom('/', '/a', '/a/b', '/b?p=1', '/a?p=2'),
  ),
  method: fc.constantFrom('GET', 'POST'),
  fields: fc.constantFrom([], ['x: 1'], ['cookie: c=1', 'x: 2']),
});

t.test('what is explained is what the table of a proxy takes, and every other rule has a reason', async (t) => {
  const values = fc.tuple(
    fc.array(fc.tuple(hostnames, rules), { maxLength: 4 }),
    callers,
    fc.array(requests, { minLength: 10, maxLength: 10 }),
  );
  holdsFor(t, values, { runs: 500, show: (value) => JSON.stringify(value) }, ([written, caller, questions]) => {
    const resources = [
      service('cart'),
      service('stock'),
      ...written.map(([hosts, matches], r) =>
        route(
          `r${r}`,
          matches.map((list, i) => to(`m${i}`, ...list)),
          hosts,
        ),
      ),
    ];
    const snapshot = compiled(resources, caller);
    for (const { url, ...how } of questions) {
      const request = asked(`http://${url.join('')}`, how);
      const taken = snapshot.rulesFor(request.host)?.match(viewOf(request))?.name ?? null;
      const { matched, others, host } = explain(resources, request, caller);
      const where = `${how.method} ${url.join('')} ${how.fields}`;
      if ((matched?.name ?? null) !== taken)
        throw new Error(`${where} is ${matched?.name}, and the proxy takes ${taken}`);
      if (others.some(({ why }) => why === '')) throw new Error(`${where}: a rule without a reason`);
      if (matched !== null && host.routes === null && matched.name !== '(service)')
        throw new Error(`${where}: no host`);
    }
  });
});
