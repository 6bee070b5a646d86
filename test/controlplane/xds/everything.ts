import { instance, route, service } from './restartable-plane.ts';

/** A mesh that has of each thing that is translated at least one. */

const duration = '1s500ms';
const field = { name: 'x-a', value: '50%' };

const balancers: readonly object[] = [
  { policy: 'round-robin', slowStart: {} },
  { policy: 'least-request', slowStart: {} },
  { policy: 'random' },
  { policy: 'maglev', hashOn: { header: 'x-user' } },
  { policy: 'ring-hash', hashOn: { cookie: 'session' } },
  { policy: 'ring-hash', hashOn: { source: true } },
];

const policy = (name: string, loadBalancer: object) => ({
  kind: 'Policy',
  name,
  spec: {
    targets: [{ name }],
    loadBalancer,
    connections: { maxLifetime: duration, maxRequests: 7 },
    timeouts: { request: duration, perTry: duration, maxStream: duration },
    retry: {
      on: ['retriable-status-codes', 'retriable-headers', 'unavailable'],
      statusCodes: [429],
      headers: [{ name: 'x-again' }, field],
    },
    outlierDetection: { consecutive5xx: 0, splitLocalOriginErrors: true },
    limits: { requests: 5, retries: 6 },
  },
});

const everyMatch = [
  { path: { type: 'Exact', value: '/exact' }, method: 'GET' },
  { path: { type: 'Template', value: '/a/{id}/**' } },
  {
    headers: [
      field,
      { type: 'Absent', name: 'x-b' },
      { type: 'RegularExpression', name: 'x-c', value: 'c+', invert: true },
    ],
  },
  {
    cookies: [{ name: 'session', value: '1' }],
    queryParams: [
      { name: 'q', value: 'a b' },
      { type: 'Present', name: 'p' },
    ],
  },
];

const modifier = { set: [field], add: [{ name: 'x-b', value: 'b' }], remove: ['x-c'] };
const headerFilters = [
  { type: 'RequestHeaderModifier', requestHeaderModifier: modifier },
  { type: 'ResponseHeaderModifier', responseHeaderModifier: modifier },
];
const fullPath = { type: 'ReplaceFullPath', replaceFullPath: '/full' };
const under = (value: string) => [{ path: { value } }];

const rulesTo = (name: string) => [
  {
    matches: everyMatch,
    filters: [...headerFilters, { type: 'URLRewrite', urlRewrite: { hostname: 'other', path: fullPath } }],
    backends: [
      { service: name, filters: headerFilters, weight: 3 },
      { service: name, labels: { version: 'v 2' } },
    ],
    mirrors: [{ service: name, percent: 0.5 }],
  },
  { matches: under('/plain'), backends: [{ service: name }] },
  {
    matches: under('/rewritten'),
    filters: [{ type: 'URLRewrite', urlRewrite: { path: fullPath } }],
    backends: [{ service: name }],
  },
  {
    matches: under('/moved'),
    filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', path: fullPath, statusCode: 308 } }],
  },
  {
    matches: under('/said'),
    filters: [{ type: 'DirectResponse', directResponse: { status: 418, body: 'short and stout '.repeat(4_096) } }],
  },
  { matches: under('/nobody'), backends: [] },
];

const names = balancers.map((_, i) => `cart-${i}`);

export const everything: readonly object[] = [
  ...names.map((name, i) => service(name, i % 2 === 0 ? 'http1' : 'grpc')),
  ...names.map((name, i) => policy(name, balancers[i]!)),
  ...names.map((name) => route(name, [name], rulesTo(name))),
  ...names.flatMap((name) => [instance(`${name}-a`, name, 9), instance(`${name}-b`, name, 10, { version: 'v 2' })]),
];
