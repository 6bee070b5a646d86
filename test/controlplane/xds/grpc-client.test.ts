// @alone: changes have to be there within a second.
import t from 'tap';
import { until } from '../../harness/until.ts';
import { everything } from './everything.ts';
import { grpcClients } from './grpc-client.ts';
import { namedGrpcServer } from './named-servers.ts';
import { instance, restartablePlane, route, service } from './restartable-plane.ts';

const withinASecond = { timeoutMs: 1_000 };
const clientOf = grpcClients(t);

t.test('a stock gRPC client follows services, instances and routes', async (t) => {
  const plane = await restartablePlane(t);
  const [a, b, other] = await Promise.all(['a', 'b', 'other'].map((name) => namedGrpcServer(t, name)));
  await plane.apply(service('cart', 'grpc'), service('other', 'grpc'));
  await plane.apply(instance('cart-a', 'cart', a!, { version: 'v1' }), instance('other-1', 'other', other!));
  const cart = clientOf('cart', plane.xdsPort);
  t.equal(await cart.reached('Get'), 'a', 'the instance that there is');

  await plane.apply(instance('cart-b', 'cart', b!, { version: 'v2' }));
  await until(async () => (await cart.reached('Get')) === 'a b', withinASecond);
  await plane.apply({
    ...instance('cart-a', 'cart', a!),
    spec: { service: 'cart', address: '127.0.0.1', port: a!, status: 'down' },
  });
  await until(async () => (await cart.reached('Get')) === 'b', withinASecond);
  await plane.apply(instance('cart-a', 'cart', a!, { version: 'v1' }));

  const byMethod = {
    matches: [{ grpc: { service: 'shop.v1.Cart', method: 'AddItem' } }],
    backends: [{ service: 'other' }],
  };
  const byField = {
    matches: [{ headers: [{ name: 'x-user', value: 'beta' }] }],
    backends: [{ service: 'cart', labels: { version: 'v2' } }],
  };
  const rest = { backends: [{ service: 'cart', labels: { version: 'v1' } }] };
  await plane.apply(route('cart', ['cart'], [rest, byField, byMethod]));
  await until(async () => (await cart.reached('AddItem')) === 'other', withinASecond);
  t.equal(await cart.reached('Get'), 'a');
  t.equal(await cart.reached('Get', { 'x-user': 'beta' }), 'b');
  t.equal(await cart.reached('AddItem', { 'x-user': 'beta' }), 'other', 'a match of gRPC comes before all others');

  const moved = [
    { service: 'cart', weight: 0 },
    { service: 'other', weight: 1 },
  ];
  await plane.apply(route('cart', ['cart'], [{ backends: moved }]));
  await until(async () => (await cart.reached('Get')) === 'other', withinASecond);

  const { body } = await plane.call('GET', '/v1/xds');
  const [{ node, types }] = body.items;
  t.equal(node, 'client-1');
  t.strictSame(Object.keys(types).sort(), ['clusters', 'endpoints', 'listeners', 'routes']);
  for (const [type, { refused }] of Object.entries<{ refused: unknown }>(types))
    t.equal(refused, null, `${type} are taken`);
});

t.test('a gRPC client goes on without a control plane, and hears what changed when it is back', async (t) => {
  const plane = await restartablePlane(t);
  const [a, b] = await Promise.all(['a', 'b'].map((name) => namedGrpcServer(t, name)));
  await plane.apply(service('cart', 'grpc'), instance('cart-a', 'cart', a!));
  const cart = clientOf('cart', plane.xdsPort);
  t.equal(await cart.reached('Get'), 'a');
  const before = await until(() => plane.versions());
  await plane.stop();
  t.equal(await cart.reached('Get'), 'a', 'calls while it is away');
  await plane.start();
  await until(async () => (await plane.versions()) === before, { what: 'the client, with the versions it had' });
  t.equal(await cart.reached('Get'), 'a');
  await plane.apply(instance('cart-b', 'cart', b!));
  await until(async () => (await cart.reached('Get')) === 'a b', withinASecond);
});

t.test('a rule without an instance fails the calls of a gRPC client, and no others', async (t) => {
  const plane = await restartablePlane(t);
  const a = await namedGrpcServer(t, 'a');
  const redirect = { type: 'RequestRedirect', requestRedirect: { hostname: 'elsewhere' } };
  await plane.apply(
    service('cart', 'grpc'),
    instance('cart-a', 'cart', a),
    route(
      'cart',
      ['cart'],
      [{ matches: [{ grpc: { method: 'AddItem' } }], filters: [redirect] }, { backends: [{ service: 'cart' }] }],
    ),
  );
  const cart = clientOf('cart', plane.xdsPort);
  t.equal(await cart.reached('Get'), 'a');
  t.equal(await cart.reached('AddItem'), 'UNAVAILABLE');
});

t.test('a gRPC client takes everything that is translated', async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(...everything);
  const cart = clientOf('cart-1', plane.xdsPort);
  t.equal(await cart.reached('Get'), 'UNAVAILABLE', 'no route is for this call');
  const { body } = await plane.call('GET', '/v1/xds');
  const { types } = body.items[0];
  t.strictSame(Object.keys(types).sort(), ['clusters', 'endpoints', 'listeners', 'routes']);
  for (const [type, { refused }] of Object.entries<{ refused: unknown }>(types)) t.equal(refused, null, type);
});
