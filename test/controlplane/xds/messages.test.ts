import t, { type Test } from 'tap';
import { clusterMessage } from '../../../controlplane/xds/clusters.ts';
import { encodeResource, type Message } from '../../../controlplane/xds/codec.ts';
import { endpointsMessage } from '../../../controlplane/xds/endpoints.ts';
import { apiListener, outboundListener } from '../../../controlplane/xds/listeners.ts';
import { MeshConfig } from '../../../controlplane/xds/mesh-config.ts';
import { messageTypes, type ResourceType } from '../../../controlplane/xds/resource-type.ts';
import { routeConfiguration, virtualHost } from '../../../controlplane/xds/routes.ts';
import { Translation } from '../../../controlplane/xds/translation.ts';
import type { InstanceResource, RouteResource, ServiceResource } from '../../../shared/resources/schema.ts';
import { routeEntries } from '../../../shared/routing/route-entries.ts';
import { readByEnvoy } from './envoy-protos.ts';
import { instance, route, service } from './restartable-plane.ts';
import { read } from './view-of.ts';

const duration = '1s500ms';
const field = { name: 'x-a', value: '50%' };

const policy = (loadBalancer: object) => ({
  kind: 'Policy',
  name: 'all',
  spec: {
    targets: [{ name: 'cart' }],
    loadBalancer,
    connections: { maxLifetime: duration, maxRequests: 7 },
    timeouts: { request: duration, perTry: duration, maxStream: duration },
    retry: {
      on: ['retriable-status-codes', 'retriable-headers'],
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
const rules = [
  {
    matches: everyMatch,
    filters: [...headerFilters, { type: 'URLRewrite', urlRewrite: { hostname: 'other', path: fullPath } }],
    backends: [
      { service: 'cart', filters: headerFilters, weight: 3 },
      { service: 'cart', labels: { version: 'v 2' } },
    ],
    mirrors: [{ service: 'cart', percent: 0.5 }],
  },
  { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', path: fullPath, statusCode: 308 } }] },
  { filters: [{ type: 'DirectResponse', directResponse: { status: 418, body: 'short and stout' } }] },
  { backends: [] },
];

/** Checks that whoever has all of xDS reads exactly what was written: no field got lost, none is another one. */
function readsAsWritten(t: Test, type: ResourceType, message: Message, title: string): void {
  const any = encodeResource(messageTypes[type], message);
  t.strictSame(readByEnvoy(any), message, title);
}

t.test('what is written of each type is what a client reads', async (t) => {
  const cart = read(service('cart', 'grpc')) as ServiceResource;
  const balancers = [
    { policy: 'round-robin', slowStart: {} },
    { policy: 'least-request', slowStart: {} },
    { policy: 'maglev', hashOn: { header: 'x-user' } },
    { policy: 'ring-hash', hashOn: { cookie: 'session' } },
    { policy: 'ring-hash', hashOn: { source: true } },
  ];
  const routes = [read(route('all', ['cart'], rules)) as RouteResource];
  for (const loadBalancer of balancers) {
    const config = new MeshConfig([cart, read(policy(loadBalancer)), ...routes]);
    const into = new Translation();
    readsAsWritten(t, 'clusters', clusterMessage('cart', cart, config, 'envoy', into), loadBalancer.policy);
    const entries = routeEntries(routes, null, (one, rule, index) => ({ route: one, rule, index }));
    const host = virtualHost('cart', entries, config, 'envoy', into);
    readsAsWritten(t, 'routes', routeConfiguration('cart', [host]), `routes to ${loadBalancer.policy}`);
    t.strictSame(into.leftOut, []);
  }
  const instances = [read(instance('cart-1', 'cart', 80)), read(instance('cart-2', 'cart', 81))] as InstanceResource[];
  readsAsWritten(t, 'endpoints', endpointsMessage('cart', cart, undefined, instances, new Translation()), 'endpoints');
  readsAsWritten(t, 'listeners', outboundListener(15_001), 'a listener for Envoy');
  readsAsWritten(t, 'listeners', apiListener('cart'), 'a listener for a gRPC client');
});
