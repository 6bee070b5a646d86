// @alone: changes have to be there within a second.
import { writeFileSync } from 'node:fs';
import t from 'tap';
import { request } from '../../../shared/http/undici.ts';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { peer, skipWithout } from '../../harness/peers.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { everything } from './everything.ts';
import { namedServer } from './named-servers.ts';
import { instance, type RestartablePlane, restartablePlane, route, service } from './restartable-plane.ts';

type Envoy = { ask(host: string, path?: string, fields?: Record<string, string>): Promise<string> };

/** An Envoy that knows of the control plane and of nothing else. */
async function startEnvoy(t: Owner, { xdsPort }: RestartablePlane): Promise<Envoy> {
  const listenerPort = await freePort();
  const file = `${tempFolder(t)}/envoy.json`;
  const grpcService = { grpc_services: [{ envoy_grpc: { cluster_name: 'control_plane' } }] };
  const http2 = {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  };
  const address = { socket_address: { address: '127.0.0.1', port_value: xdsPort } };
  const bootstrap = {
    node: { id: 'envoy-1', cluster: 'shop', metadata: { 'meshlane.listener_port': listenerPort } },
    dynamic_resources: {
      ads_config: { api_type: 'GRPC', transport_api_version: 'V3', ...grpcService },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: {
      clusters: [
        {
          name: 'control_plane',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'control_plane',
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
          typed_extension_protocol_options: { 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2 },
        },
      ],
    },
  };
  writeFileSync(file, JSON.stringify(bootstrap));
  const args = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'warning', '-c', file];
  await startProcess({ command: (await peer('envoy'))!, args, t });
  return {
    ask: async (host, path = '/', fields = {}) => {
      const url = `http://127.0.0.1:${listenerPort}${path}`;
      const { statusCode, headers, body } = await request(url, { headers: { host, ...fields } });
      const text = await body.text();
      return statusCode === 200 ? text : [statusCode, headers['location']].filter(Boolean).join(' ');
    },
  };
}

/** The replies to ten requests. */
async function replies(envoy: Envoy, host: string, path = '/'): Promise<string> {
  const texts = await Promise.all(Array.from({ length: 10 }, () => envoy.ask(host, path)));
  return [...new Set(texts)].sort().join(', ');
}

const withinASecond = { timeoutMs: 1_000 };
const isUp = { timeoutMs: 5_000 };

t.test('an Envoy follows services, instances and routes', await skipWithout('envoy'), async (t) => {
  const plane = await restartablePlane(t);
  const [a, b, other] = await Promise.all(['a', 'b', 'other'].map((name) => namedServer(t, name)));
  await plane.apply(service('cart'), service('other'), instance('cart-a', 'cart', a!, { version: 'v1' }));
  await plane.apply(instance('other-1', 'other', other!));
  const envoy = await startEnvoy(t, plane);
  await until(async () => (await replies(envoy, 'cart')) === 'a /', isUp);

  await plane.apply(instance('cart-b', 'cart', b!, { version: 'v2' }));
  await until(async () => (await replies(envoy, 'cart')) === 'a /, b /', withinASecond);
  await plane.call('DELETE', '/v1/instances/cart-a');
  await until(async () => (await replies(envoy, 'cart')) === 'b /', withinASecond);
  await plane.apply(instance('cart-a', 'cart', a!, { version: 'v1' }));

  const rewrite = {
    type: 'URLRewrite',
    urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/x' } },
  };
  const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'elsewhere', port: 8080, statusCode: 301 } };
  const to = (version: string) => [{ service: 'cart', labels: { version } }];
  const prefix = (value: string) => [{ path: { value } }];
  await plane.apply(
    route(
      'cart',
      ['cart', '*.cart'],
      [
        { backends: to('v1') },
        { matches: prefix('/new'), backends: to('v2') },
        { matches: prefix('/new/other'), filters: [rewrite], backends: [{ service: 'other' }] },
        { matches: prefix('/gone'), filters: [redirect] },
        { matches: [{ headers: [{ name: 'x-user', value: 'beta' }] }], backends: to('v2') },
      ],
    ),
  );
  await until(async () => (await replies(envoy, 'cart')) === 'a /', withinASecond);
  t.equal(await envoy.ask('cart', '/new'), 'b /new');
  t.equal(await envoy.ask('cart', '/newer'), 'a /newer', 'a prefix of whole segments');
  t.equal(await envoy.ask('eu.cart:81', '/new/other/1?q=1'), 'other /x/1?q=1');
  t.equal(await envoy.ask('cart', '/new/other'), 'other /x');
  t.equal(await envoy.ask('cart', '/gone/1'), '301 http://elsewhere:8080/gone/1');
  t.equal(await envoy.ask('cart', '/', { 'x-user': 'beta' }), 'b /');
  t.equal(await envoy.ask('other'), 'other /', 'a service that no route is written for');
  t.equal(await envoy.ask('nobody'), '404');

  await plane.apply(route('cart', ['cart'], [{ backends: [{ service: 'other' }] }]));
  await until(async () => (await replies(envoy, 'cart')) === 'other /', withinASecond);
  const { body } = await plane.call('GET', '/v1/xds');
  const [{ node, types }] = body.items;
  t.equal(node, 'envoy-1');
  for (const [type, { refused }] of Object.entries<{ refused: unknown }>(types)) t.equal(refused, null, type);
  t.match(await until(() => plane.versions()), /^(\d+-[0-9a-f]{12}( |$)){4}/);
});

t.test('an Envoy takes everything that is translated', await skipWithout('envoy'), async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(...everything);
  const envoy = await startEnvoy(t, plane);
  const answer = await until(() => envoy.ask('cart-0', '/said/so'), isUp);
  t.equal(answer, '418');
  t.equal(await envoy.ask('cart-0', '/moved'), '308 https://cart-0:443/full');
  t.equal(await envoy.ask('cart-0', '/nobody'), '500');
  const { body } = await plane.call('GET', '/v1/xds');
  for (const [type, { refused }] of Object.entries<{ refused: unknown }>(body.items[0].types))
    t.equal(refused, null, type);
  t.strictSame(body.leftOut, []);

  await plane.apply(instance('cart-0-a', 'cart-0', await namedServer(t, 'a')));
  await plane.call('DELETE', '/v1/instances/cart-0-b');
  await until(async () => (await envoy.ask('cart-0', '/rewritten/1?q=1')) === 'a /full?q=1', withinASecond);
});

t.test(
  'an Envoy loses no request to a service that goes, and to one that comes',
  await skipWithout('envoy'),
  async (t) => {
    const plane = await restartablePlane(t);
    const [a, b] = await Promise.all(['a', 'b'].map((name) => namedServer(t, name)));
    await plane.apply(
      service('one'),
      instance('one-1', 'one', a!),
      route('shop', ['shop'], [{ backends: [{ service: 'one' }] }]),
    );
    const envoy = await startEnvoy(t, plane);
    await until(async () => (await envoy.ask('shop')) === 'a /', isUp);
    const seen = new Set<string>();
    let isOver = false;
    const load = (async () => {
      while (!isOver) seen.add(await envoy.ask('shop'));
    })();
    for (let round = 0; round < 4; round++) {
      const [from, to, port, letter] = round % 2 === 0 ? ['one', 'two', b!, 'b'] : ['two', 'one', a!, 'a'];
      await plane.apply(
        service(to),
        instance(`${to}-1`, to, port),
        route('shop', ['shop'], [{ backends: [{ service: to }] }]),
      );
      await until(async () => (await envoy.ask('shop')) === `${letter} /`, withinASecond);
      await plane.call('DELETE', `/v1/instances/${from}-1`);
      await plane.call('DELETE', `/v1/services/${from}`);
    }
    isOver = true;
    await load;
    t.strictSame([...seen].sort(), ['a /', 'b /']);
  },
);

t.test(
  'an Envoy goes on without a control plane, and hears what changed when it is back',
  await skipWithout('envoy'),
  async (t) => {
    const plane = await restartablePlane(t);
    const [a, b] = await Promise.all(['a', 'b'].map((name) => namedServer(t, name)));
    await plane.apply(service('cart'), instance('cart-a', 'cart', a!));
    const envoy = await startEnvoy(t, plane);
    await until(async () => (await envoy.ask('cart')) === 'a /', isUp);
    const before = await until(() => plane.versions());
    await plane.stop();
    t.equal(await replies(envoy, 'cart'), 'a /', 'requests while it is away');
    await plane.start();
    await until(async () => (await plane.versions()) === before, { what: 'the Envoy, with the versions it had' });
    t.equal(await replies(envoy, 'cart'), 'a /');
    await plane.apply(instance('cart-b', 'cart', b!));
    await until(async () => (await replies(envoy, 'cart')) === 'a /, b /', withinASecond);
  },
);
