import { once } from 'node:events';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { grpcService } from '../grpc/resources.ts';
import { instance, policy, service } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Checks of servers that speak HTTP/2 only. */

const often = { interval: '50ms', timeout: '1s', unhealthyThreshold: 2, healthyThreshold: 2 };
const httpService = { ...service('app'), spec: { protocol: 'http2' } } as AnyResource;

type Handler = grpc.handleUnaryCall<Buffer, Buffer>;

/** A server of grpc-js with one unary method for each path. */
async function grpcServer(t: Owner, methods: Readonly<Record<string, Handler>>): Promise<number> {
  const server = new grpc.Server();
  const same = (bytes: Buffer) => bytes;
  for (const [path, handler] of Object.entries(methods)) server.register(path, handler, same, same, 'unary');
  t.teardown(() => server.forceShutdown());
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
}

const checkPath = '/grpc.health.v1.Health/Check';
/** `status` of the answer, which proto3 leaves out when it is 0. */
const answering =
  (status: () => number): Handler =>
  (_, done) =>
    done(null, Buffer.from([8, status()]));
const naming =
  (name: string): Handler =>
  (_, done) =>
    done(null, Buffer.from(name));

/** Who answers through the proxy: those of twenty calls in a row. */
async function answerers(t: Owner, resources: readonly AnyResource[]): Promise<(names: string) => Promise<unknown>> {
  const proxy = await staticProxy(t, { resources });
  const client = await wireClient(t, proxy.port);
  const now = async () => {
    const names = new Set<string>();
    for (let i = 0; i < 20; i++) names.add((await client.ask('/pkg.Service/Name')).messages[0]?.bytes.toString() ?? '');
    return [...names].sort().join();
  };
  return (names) => until(async () => (await now()) === names, { what: `calls for ${names}` });
}

t.test('an instance gets calls while its health service says SERVING', async (t) => {
  let status = 1;
  const first = await grpcServer(t, { [checkPath]: answering(() => status), '/pkg.Service/Name': naming('first') });
  const second = await grpcServer(t, { [checkPath]: answering(() => 1), '/pkg.Service/Name': naming('second') });
  const healthCheck = { type: 'grpc', ...often };
  const become = await answerers(t, [
    grpcService('app'),
    instance('a', 'app', first, { healthCheck }),
    instance('b', 'app', second, { healthCheck }),
  ]);
  await become('first,second');
  for (const [next, names] of [
    [2, 'second'],
    [1, 'first,second'],
    [0, 'second'],
    [1, 'first,second'],
  ] as const) {
    status = next;
    await become(names);
  }
  t.pass();
});

t.test('an instance without a health service, or with another service in it, has failed', async (t) => {
  const bare = await grpcServer(t, { '/pkg.Service/Name': naming('bare') });
  const ofCart: Handler = ({ request }, done) => {
    const isKnown = request.toString('latin1') === '\n\x09shop.Cart';
    if (isKnown) done(null, Buffer.from([8, 1]));
    else done({ code: grpc.status.NOT_FOUND, details: 'unknown service' });
  };
  const other = await grpcServer(t, { [checkPath]: ofCart, '/pkg.Service/Name': naming('other') });
  const cart = await grpcServer(t, { [checkPath]: ofCart, '/pkg.Service/Name': naming('cart') });
  const check = (grpcService: string) => ({ healthCheck: { type: 'grpc', grpcService, ...often } });
  const become = await answerers(t, [
    grpcService('app'),
    instance('bare', 'app', bare, check('')),
    instance('other', 'app', other, check('shop.Order')),
    instance('cart', 'app', cart, check('shop.Cart')),
    policy('app', { loadBalancer: { panicThresholdPercent: 0 } }),
  ]);
  await become('cart');
  t.pass();
});

t.test('an http check speaks HTTP/2 to an instance that does', async (t) => {
  let status = 200;
  const sessions = new Set<ServerHttp2Session>();
  const paths = new Set<string>();
  const checked = createServer((request, response) => {
    paths.add(request.url);
    response
      .writeHead(request.url === '/healthz' ? status : 200)
      .end(request.url === '/healthz' ? '' : framed('first'));
  });
  checked.on('session', (session) => sessions.add(session));
  checked.listen(0, '127.0.0.1');
  await once(checked, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    checked.close();
  });
  const second = await grpcServer(t, { '/pkg.Service/Name': naming('second') });
  const become = await answerers(t, [
    httpService,
    instance('a', 'app', (checked.address() as AddressInfo).port, { healthCheck: often }),
    instance('b', 'app', second),
  ]);
  await become('first,second');
  status = 503;
  await become('second');
  status = 302;
  await become('first,second');
  t.same(paths, new Set(['/healthz', '/pkg.Service/Name']));
});

function framed(text: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), Buffer.from(text)]);
}
