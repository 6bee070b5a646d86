import t from 'tap';
import type { Message } from '../../../controlplane/xds/codec.ts';
import type { ResourceType } from '../../../controlplane/xds/resource-type.ts';
import { readByEnvoy } from './envoy-protos.ts';
import { instance, route, service } from './restartable-plane.ts';
import { envoy, grpcClient, viewOf } from './view-of.ts';

const cart = service('cart');
const other = service('other');
const policy = (spec: object) => ({ kind: 'Policy', name: 'p', spec: { targets: [{ name: 'cart' }], ...spec } });
const zone = (name: string) => ({ 'topology.kubernetes.io/zone': name });

/** One resource of the mesh of some documents, as a client reads it; null where there is none. */
function resource(type: ResourceType, name: string, documents: readonly object[], viewer = envoy): Message | null {
  const found = viewOf(documents, viewer).get(type, name);
  return found && readByEnvoy(found.any);
}

/** The routes for requests to the service cart. */
function routesTo(documents: readonly object[], viewer = envoy): readonly Message[] {
  const found = resource('routes', 'cart', documents, viewer) as { virtual_hosts: { routes?: readonly Message[] }[] };
  return found.virtual_hosts[0]!.routes ?? [];
}

const clusters: readonly [string, readonly object[], object][] = [
  ['one connection protocol: HTTP/1.1', [cart], protocol({ http_protocol_options: {} })],
  ['HTTP/2 for gRPC', [service('cart', 'grpc')], protocol({ http2_protocol_options: {} })],
  ['least request where no policy says anything', [cart], { lb_policy: 'LEAST_REQUEST' }],
  ['a connect timeout', [cart], { connect_timeout: { seconds: 1 } }],
  [
    'no bound where ours has none',
    [cart],
    { circuit_breakers: { thresholds: [{ max_requests: { value: 0xffff_ffff } }] } },
  ],
  [
    'limits of the service',
    [cart, policy({ limits: { requests: 5, retries: 2 } })],
    { circuit_breakers: { thresholds: [{ max_requests: { value: 5 }, max_retries: { value: 2 } }] } },
  ],
  [
    'connections to one instance',
    [cart, policy({ connections: { max: 9 } })],
    { circuit_breakers: { per_host_thresholds: [{ max_connections: { value: 9 } }] } },
  ],
  [
    'the ring of a ring-hash',
    [cart, policy({ loadBalancer: { policy: 'ring-hash', hashOn: { path: true }, minimumRingSize: 300 } })],
    { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: { value: 300 } } },
  ],
  [
    'outlier detection, with a check that is off',
    [cart, policy({ outlierDetection: { consecutive5xx: 0, maxEjectionPercent: 30 } })],
    { outlier_detection: { enforcing_consecutive_5xx: { value: 0 }, max_ejection_percent: { value: 30 } } },
  ],
];

function protocol(explicit: object): object {
  const options = { explicit_http_config: explicit };
  return { typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': options } };
}

t.test('a service becomes a cluster', async (t) => {
  for (const [title, documents, expected] of clusters)
    t.match(resource('clusters', 'cart', documents), expected, title);
  t.match(resource('clusters', 'cart', [cart], grpcClient), { lb_policy: 'ROUND_ROBIN' }, 'gRPC clients refuse others');
  t.equal(resource('clusters', 'cart', [service('cart', 'tcp')]), null, 'a service of other bytes takes no requests');
  const subset = route('r', ['x'], [{ backends: [{ service: 'cart', labels: { version: 'v2', tier: 'a b' } }] }]);
  t.strictSame([...viewOf([cart, subset]).names('clusters')], ['cart', 'cart?tier=a+b&version=v2']);
});

t.test('instances become endpoints by zone', async (t) => {
  const documents = [
    cart,
    instance('a', 'cart', 1, zone('west')),
    { ...instance('b', 'cart', 2, zone('east')), spec: { service: 'cart', address: '::1', port: 2, weight: 3 } },
    instance('c', 'cart', 3, zone('east')),
    { ...instance('d', 'cart', 4), spec: { service: 'cart', address: '127.0.0.1', port: 4, status: 'draining' } },
  ];
  const { endpoints } = resource('endpoints', 'cart', documents) as { endpoints: readonly Message[] };
  const at = (address: string, port: number, weight: number) => ({
    endpoint: { address: { socket_address: { address, port_value: port } } },
    load_balancing_weight: { value: weight },
  });
  t.strictSame(endpoints, [
    {
      locality: { zone: 'east' },
      lb_endpoints: [at('::1', 2, 3), at('127.0.0.1', 3, 1)],
      load_balancing_weight: { value: 4 },
    },
    { locality: { zone: 'west' }, lb_endpoints: [at('127.0.0.1', 1, 1)], load_balancing_weight: { value: 1 } },
  ]);
  t.strictSame(resource('endpoints', 'cart', [cart]), { cluster_name: 'cart' }, 'a service without instances');
  const subset = route('r', ['x'], [{ backends: [{ service: 'cart', labels: zone('west') }] }]);
  const [, name] = viewOf([...documents, subset]).names('clusters');
  t.match(resource('endpoints', name!, [...documents, subset]), { endpoints: [{ locality: { zone: 'west' } }] });
});

const paths: readonly [object, readonly object[]][] = [
  [{ path: { value: '/' } }, [{ prefix: '/' }]],
  [{ path: { value: '/shop/' } }, [{ path: '/shop' }, { prefix: '/shop/' }]],
  [{ path: { type: 'Exact', value: '/shop/' } }, [{ path: '/shop/' }]],
  [{ path: { type: 'RegularExpression', value: '/a|/b' } }, [{ safe_regex: { regex: '(?:/a|/b)' } }]],
  [{ path: { type: 'Template', value: '/u/{id}/a.b/**' } }, [{ safe_regex: { regex: '/u/[^/]+/a\\.b/.+' } }]],
  [{ grpc: { service: 'shop.Cart' } }, [{ path: '/shop.Cart' }, { prefix: '/shop.Cart/' }]],
  [{ grpc: { service: 'shop.Cart', method: 'Get' } }, [{ path: '/shop.Cart/Get' }]],
  [{ grpc: { method: 'Get' } }, [{ safe_regex: { regex: '(?:/(?:[^/]+)/(?:Get))' } }]],
];

const conditions: readonly [object, object][] = [
  [{ method: 'PUT' }, { headers: [{ name: ':method', string_match: { exact: 'PUT' } }] }],
  [{ headers: [{ name: 'Host', value: 'a' }] }, { headers: [{ name: ':authority', string_match: { exact: 'a' } }] }],
  [{ headers: [{ type: 'Absent', name: 'x' }] }, { headers: [{ name: 'x', present_match: true, invert_match: true }] }],
  [
    { headers: [{ name: 'x', value: 'a', invert: true }] },
    { headers: [{ name: 'x', string_match: { exact: 'a' }, invert_match: true, treat_missing_header_as_empty: true }] },
  ],
  [
    { queryParams: [{ name: 'q', value: 'a b' }] },
    { query_parameters: [{ name: 'q', string_match: { exact: 'a%20b' } }] },
  ],
  [
    { cookies: [{ name: 'user', value: '1' }] },
    { headers: [{ name: 'cookie', string_match: { safe_regex: { regex: '(?:.*; *)?user=1 *(?:;.*)?' } } }] },
  ],
];

t.test('matches become matches', async (t) => {
  const withMatch = (match: object) => [
    cart,
    route('r', ['cart'], [{ matches: [match], backends: [{ service: 'cart' }] }]),
  ];
  for (const [match, expected] of paths)
    t.match(
      routesTo(withMatch(match)).map((one) => one['match']),
      expected,
      JSON.stringify(match),
    );
  for (const [match, expected] of conditions)
    t.strictSame(routesTo(withMatch(match))[0]!['match'], { prefix: '/', ...expected }, JSON.stringify(match));
  t.strictSame(routesTo(withMatch({ method: 'GET' }), grpcClient), [], 'no call of gRPC is a GET');
  t.strictSame(routesTo(withMatch({ grpc: { service: 'a', method: 'B' } }), grpcClient)[0]!['match'], { path: '/a/B' });
});

const to = (...backends: object[]) => ({ backends: backends.length > 0 ? backends : [{ service: 'cart' }] });
const rewrite = (path: object) => [{ type: 'URLRewrite', urlRewrite: { path } }];
const below = [{ path: { value: '/old' } }];

const actions: readonly [string, object, object][] = [
  ['no timeout is none, where xDS would take 15 s', to(), { route: { timeout: { seconds: 0 } } }],
  ['a timeout', { ...to(), timeouts: { request: '2s' } }, { route: { timeout: { seconds: 2 } } }],
  [
    'weights, without those of 0',
    to(
      { service: 'cart', weight: 3 },
      { service: 'other', weight: 0 },
      { service: 'other', weight: 1, labels: { v: '1' } },
    ),
    {
      route: {
        weighted_clusters: {
          clusters: [
            { name: 'cart', weight: { value: 3 } },
            { name: 'other?v=1', weight: { value: 1 } },
          ],
        },
      },
    },
  ],
  ['nobody to send it to', { backends: [] }, { direct_response: { status: 500 } }],
  [
    'retries of methods that may be repeated',
    { ...to(), retry: { attempts: 3, on: ['reset'], methods: ['GET'] } },
    {
      route: {
        retry_policy: {
          retry_on: 'reset',
          num_retries: { value: 3 },
          retriable_request_headers: [{ name: ':method', string_match: { exact: 'GET' } }, { name: 'idempotency-key' }],
        },
      },
    },
  ],
  [
    'a prefix that is replaced',
    { ...to(), matches: below, filters: rewrite({ type: 'ReplacePrefixMatch', replacePrefixMatch: '/new/' }) },
    { route: { prefix_rewrite: '/new' } },
  ],
  [
    'a redirect',
    { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] },
    { redirect: { scheme_redirect: 'https', port_redirect: 443 } },
  ],
  [
    'a field with a percent sign, which xDS would take for a variable',
    {
      ...to(),
      filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: '5%' }] } }],
    },
    { request_headers_to_add: [{ header: { key: 'x', value: '5%%' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }] },
  ],
  [
    'a mirror',
    { ...to(), mirrors: [{ service: 'other', percent: 2.5 }] },
    {
      route: {
        request_mirror_policies: [
          { cluster: 'other', runtime_fraction: { default_value: { numerator: 25_000, denominator: 'MILLION' } } },
        ],
      },
    },
  ],
];

t.test('rules become actions', async (t) => {
  const withRule = (rule: object) => [cart, other, route('r', ['cart'], [rule])];
  for (const [title, rule, expected] of actions) t.match(routesTo(withRule(rule))[0], expected, title);
  const replaced = {
    ...to(),
    matches: below,
    filters: rewrite({ type: 'ReplacePrefixMatch', replacePrefixMatch: '/' }),
  };
  const prefixes = routesTo(withRule(replaced)).map((one) => (one['route'] as Message)['prefix_rewrite']);
  t.strictSame(prefixes, ['/', '/'], 'a prefix that is taken away');
  const limited = { ...to(), timeouts: { request: '2s', maxStream: '1s' } };
  const [forGrpc] = routesTo(withRule(limited), grpcClient);
  t.match(
    forGrpc,
    { route: { max_stream_duration: { max_stream_duration: { seconds: 1 } } } },
    'gRPC knows one timeout',
  );
  const [empty] = routesTo(withRule({ backends: [] }), grpcClient);
  t.strictSame(empty!['route'], { cluster: 'meshlane/no-instances' }, 'gRPC clients refuse other answers');
  t.match(resource('clusters', 'meshlane/no-instances', [cart]), { name: 'meshlane/no-instances' });
});

t.test('hosts are chosen as our proxies choose them', async (t) => {
  const hosts = (documents: readonly object[]) => {
    const found = resource('routes', 'meshlane/outbound', documents) as { virtual_hosts?: { domains: string[] }[] };
    return (found.virtual_hosts ?? []).flatMap(({ domains }) => domains);
  };
  const named = service('cart.shop');
  t.strictSame(hosts([cart, other]), ['cart', 'other']);
  t.strictSame(
    hosts([cart, named, route('r', ['*.shop'], [to()])]),
    ['*.shop', 'cart'],
    'a suffix stands above a service',
  );
  t.strictSame(
    hosts([cart, other, route('r', ['*', 'cart'], [to()])]),
    ['*', 'cart'],
    'as the route of every host does',
  );
  t.strictSame(resource('listeners', 'cart.shop', [cart], grpcClient), null, 'a name that nobody has');
  t.match(resource('listeners', 'a.shop', [cart, route('r', ['*.shop'], [to()])], grpcClient), { name: 'a.shop' });
});

t.test('a match for some callers is there for them only', async (t) => {
  const rules = [{ matches: [{ source: { services: ['shop'] } }], ...to({ service: 'other' }) }, to()];
  const documents = [cart, other, route('r', ['cart'], rules)];
  const by = (caller: string) => ({ ...envoy, workload: { service: caller, namespace: null, labels: {} } });
  t.equal(routesTo(documents, by('shop')).length, 2);
  t.match(routesTo(documents, by('stock')), [{ route: { cluster: 'cart' } }]);
  t.equal(routesTo(documents, by('stock')).length, 1);
});

const leftOut: readonly [readonly object[], string][] = [
  [[cart, policy({ hedge: {} })], 'Policy/p/spec/hedge'],
  [[cart, policy({ loadBalancer: { policy: 'peak-ewma' } })], 'Policy/p/spec/loadBalancer/policy'],
  [
    [cart, { ...instance('i', 'cart', 1), spec: { service: 'cart', address: 'cart.local', port: 1 } }],
    'Instance/i/spec/address',
  ],
  [[cart, instance('i', 'cart', 1), instance('j', 'cart', 1)], 'Instance/j/spec/address'],
  [
    [cart, route('r', ['cart'], [{ ...to(), rateLimits: [{ name: 'all', requests: 1, per: '1s' }] }])],
    'Route/r/spec/rules/0/rateLimits',
  ],
  [
    [cart, route('r', ['cart'], [{ ...to(), matches: [{ queryParams: [{ name: 'q', value: '1', invert: true }] }] }])],
    'Route/r/spec/rules/0/matches/0',
  ],
  [
    [
      cart,
      route('r', ['cart'], [to(), { ...to(), matches: [{ path: { type: 'RegularExpression', value: '/[[:x]]' } }] }]),
    ],
    'Route/r/spec/rules/1/matches/0',
  ],
];

t.test('what has no equal is left out and told', async (t) => {
  for (const [documents, place] of leftOut) {
    const found = viewOf(documents).leftOut();
    t.strictSame([...new Set(found.map(({ resource, pointer }) => resource + pointer))], [place]);
  }
});
