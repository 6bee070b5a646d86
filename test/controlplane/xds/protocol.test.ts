import t from 'tap';
import { streamPath } from '../../../controlplane/xds/codec.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import { until } from '../../harness/until.ts';
import { bearer, startGuardedPlane, tokens } from '../access/guarded-plane.ts';
import { startPlane } from '../plane.ts';
import { RawClient } from './raw-client.ts';
import { instance, type RestartablePlane, restartablePlane, route, service } from './restartable-plane.ts';

async function statusOf(plane: RestartablePlane, type: string) {
  const { body } = await plane.call('GET', '/v1/xds');
  return body.items[0]?.types[type];
}

t.test('a client is told what it asks for, and each change once it has answered', async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(service('a'), service('b'), service('c'));
  const client = new RawClient(t, plane.xdsPort);
  client.ask('clusters', []);
  const all = await client.response(1);
  t.strictSame([all.type, all.names], ['clusters', ['a', 'b', 'c']], 'everything for whoever names nothing');
  client.ask('endpoints', ['a', 'nobody']);
  const some = await client.response(2);
  t.strictSame([some.type, some.names], ['endpoints', ['a']], 'what there is of what it names');

  await plane.apply(instance('a-1', 'a', 1));
  await plane.apply(instance('a-2', 'a', 2), instance('b-1', 'b', 3));
  t.match(await statusOf(plane, 'endpoints'), { isWaiting: true, version: '' });
  t.equal(client.told.length, 2, 'nothing more while one is not answered');
  client.take(all);
  client.take(some, ['a', 'b']);
  const both = await client.response(3);
  t.strictSame([both.type, both.names], ['endpoints', ['a', 'b']], 'two changes at once, and the name it added');
  client.take(both, ['a', 'b']);
  await until(async () => (await statusOf(plane, 'endpoints')).version === both.version);
  await plane.apply(instance('b-2', 'b', 4));
  t.strictSame((await client.response(4)).names, ['b'], 'of endpoints only what changed');
  t.equal(client.told.length, 4);
});

t.test('a refusal is kept and shown, and not answered with the same again', async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(service('a'), service('b'));
  const client = new RawClient(t, plane.xdsPort);
  client.ask('clusters', ['*']);
  const first = await client.response(1);
  client.refuse(first, 'I do not like it', ['*']);
  const refused = { version: first.version, error: 'I do not like it' };
  await until(async () => (await statusOf(plane, 'clusters'))?.refused);
  t.match(await statusOf(plane, 'clusters'), { refused, version: '', isWaiting: false });
  t.match((await plane.call('GET', '/metrics')).body, /^meshlane_control_plane_xds_clients_refusing 1$/m);
  t.equal(client.told.length, 1);

  client.ask('endpoints', ['a', 'b']);
  client.refuse(await client.response(2), 'nor this', ['a', 'b']);
  await until(async () => (await statusOf(plane, 'endpoints'))?.refused);
  await plane.apply(instance('b-1', 'b', 1));
  t.strictSame((await client.response(3)).names, ['a', 'b'], 'what was in a refused response goes with the next');

  await plane.apply(service('c'));
  const second = await client.response(4);
  client.take(second, ['*']);
  await until(async () => (await statusOf(plane, 'clusters')).version === second.version);
  t.equal((await statusOf(plane, 'clusters')).refused, null);
});

t.test('an answer to an older response is ignored', async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(service('a'));
  const client = new RawClient(t, plane.xdsPort);
  client.ask('clusters', []);
  const first = await client.response(1);
  client.take(first);
  await plane.apply(service('b'));
  await client.response(2);
  client.refuse(first, 'too late');
  client.ask('endpoints', ['a']);
  t.equal((await client.response(3)).type, 'endpoints', 'which shows that the answer was read');
  t.match(await statusOf(plane, 'clusters'), { isWaiting: true, refused: null, version: first.version });
});

t.test('what is named comes before what names it, and what was named goes last', async (t) => {
  const plane = await restartablePlane(t);
  const name = 'meshlane/outbound';
  const to = (backend: string) => route('shop', ['shop'], [{ backends: [{ service: backend }] }]);
  await plane.apply(service('a'), to('a'));
  const client = new RawClient(t, plane.xdsPort);
  client.ask('clusters', []);
  client.take(await client.response(1));
  client.ask('endpoints', ['a']);
  client.take(await client.response(2), ['a']);
  client.ask('routes', [name]);
  client.take(await client.response(3), [name]);

  await plane.apply(service('b'), to('b'));
  const added = await client.response(4);
  t.strictSame(added.names, ['a', 'b']);
  client.take(added);
  client.ask('endpoints', ['a', 'b'], { response_nonce: '1' });
  const endpoints = await client.response(5);
  t.strictSame([endpoints.type, endpoints.names], ['endpoints', ['b']]);
  t.equal(client.told.length, 5, 'no route to a cluster without endpoints');
  client.take(endpoints, ['a', 'b']);
  const routes = await client.response(6);
  t.equal(routes.type, 'routes');

  await plane.call('DELETE', '/v1/services/a');
  client.take(routes, [name]);
  const withoutHost = await client.response(7);
  t.equal(withoutHost.type, 'routes', 'no cluster goes that the routes of the client may name');
  client.take(withoutHost, [name]);
  const without = await client.response(8);
  t.strictSame([without.type, without.names], ['clusters', ['b']]);
});

t.test('versions are the same for the same contents, and tell the newest revision in them', async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(service('a'));
  const version = async () => {
    const client = new RawClient(t, plane.xdsPort);
    client.ask('clusters', []);
    return (await client.response(1)).version;
  };
  const before = await version();
  const { body } = await plane.call('GET', '/v1/services/a');
  t.match(before, new RegExp(`^${body.revision}-`));
  await plane.apply(instance('a-1', 'a', 1));
  t.equal(await version(), before, 'an instance is no part of a cluster');
  await plane.apply(service('b'));
  t.not(await version(), before);
  await plane.call('DELETE', '/v1/services/b');
  t.equal(await version(), before);
  await plane.stop();
  await plane.start();
  t.equal(await version(), before, 'after a restart');
});

t.test('a client that asks for too much, or does not say who it is, is told so', async (t) => {
  const plane = await restartablePlane(t);
  const faults: [RawClient, readonly string[], RegExp][] = [
    [
      new RawClient(t, plane.xdsPort),
      Array.from({ length: 10_001 }, (_, i) => `s${i}`),
      /more than 10000 resource_names/,
    ],
    [new RawClient(t, plane.xdsPort), ['x'.repeat(1_025)], /more than 1024 characters/],
    [new RawClient(t, plane.xdsPort, {}), [], /node\.id/],
    [new RawClient(t, plane.xdsPort, portNode(70_000)), [], /meshlane\.listener_port/],
  ];
  for (const [client, names, details] of faults) {
    client.ask('clusters', names);
    const { code, details: told } = await until(() => client.ended);
    t.equal(code, grpc.status.INVALID_ARGUMENT);
    t.match(told, details);
  }
  t.strictSame((await plane.call('GET', '/v1/xds')).body.items, []);
});

function portNode(port: number): object {
  return { id: 'raw-1', metadata: { fields: { 'meshlane.listener_port': { numberValue: port } } } };
}

t.test('where an access file says who may be a sidecar, it says who may be a client', async (t) => {
  const { xdsAddress, as } = await startGuardedPlane(t, { xds: { host: '127.0.0.1', port: 0 } });
  await as('admin', 'PUT', '/v1/services/cart.shop', { spec: {} });
  const open = (cluster: string, fields = {}) => {
    const client = new RawClient(t, xdsAddress!.port, { id: 'raw-1', cluster }, fields);
    client.ask('clusters', []);
    return client;
  };
  const refused = [
    [open('cart.shop'), grpc.status.UNAUTHENTICATED],
    [open('cart.shop', bearer(tokens.reader)), grpc.status.PERMISSION_DENIED],
    [open('pay.bank', bearer(tokens.workload)), grpc.status.PERMISSION_DENIED],
  ] as const;
  for (const [client, code] of refused) t.equal((await until(() => client.ended)).code, code);
  t.strictSame((await open('cart.shop', bearer(tokens.workload)).response(1)).names, ['cart.shop']);
  await as('admin', 'PUT', '/v1/services/pay.shop', { spec: {} });
  const instance = { spec: { service: 'pay.shop', address: '127.0.0.1', port: 1 } };
  t.equal((await as('editor', 'PUT', '/v1/instances/raw-1', instance)).status, 403, 'and nobody takes its name');
});

t.test('bytes that are no request end one stream and nothing else', async (t) => {
  const plane = await restartablePlane(t);
  await plane.apply(service('a'));
  const bytes = (buffer: Buffer) => buffer;
  const client = new grpc.Client(`127.0.0.1:${plane.xdsPort}`, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  for (const text of ['\x0f\x0f', '\x12\x7f', '\x0a\xff\xff\xff\xff\x0f']) {
    const { promise, resolve } = Promise.withResolvers<grpc.ServiceError>();
    const stream = client.makeBidiStreamRequest(streamPath, bytes, bytes, new grpc.Metadata());
    stream.on('error', resolve).on('data', () => undefined);
    stream.write(Buffer.from(text, 'latin1'));
    t.equal((await promise).code, grpc.status.INVALID_ARGUMENT);
  }
  const other = new RawClient(t, plane.xdsPort);
  other.ask('clusters', []);
  t.strictSame((await other.response(1)).names, ['a']);
});

t.test('a control plane without --xds says that it serves none', async (t) => {
  const { status, body } = await (await startPlane(t)).call('GET', '/v1/xds');
  t.match([status, body.detail], [404, /--xds/]);
});
