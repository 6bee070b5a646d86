import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import type { ErrorCode } from '../../../shared/errors/error-table.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { freePort } from '../../harness/free-port.ts';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { wireClient } from '../../harness/grpc/wire-client.ts';
import { wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { policy, route, service } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { checkLocalReply } from './local-reply.ts';
import { grpcService, grpcServiceAt } from './resources.ts';

/** What the proxy says when it has to answer a call itself (PROTOCOL-HTTP2.md, "Trailers-Only"). */

const noRetry = { retry: { attempts: 0 } };

/** A port that answers whatever comes first with bytes that are no HTTP/2. */
async function noHttp2(t: Owner): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // the proxy leaves as soon as it has seen them
    socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

type Case = {
  readonly what: string;
  readonly code: ErrorCode;
  readonly resources: (t: Owner) => AnyResource[] | Promise<AnyResource[]>;
  readonly spec?: object;
  readonly message?: Buffer;
  /** Calls that fail first. */
  readonly before?: number;
};

const silent = async (t: Owner) => (await wireServer(t, () => undefined)).port;

const cases: readonly Case[] = [
  { what: 'no route', code: 'route_not_found', resources: () => [] },
  { what: 'a rule without a backend', code: 'no_backend', resources: () => [route('none', [{ backends: [] }])] },
  { what: 'a service without instances', code: 'no_endpoint', resources: () => [grpcService('app')] },
  {
    what: 'a service that is no HTTP',
    code: 'not_implemented',
    resources: () => [{ ...service('app'), spec: { protocol: 'tcp' } } as AnyResource],
  },
  {
    what: 'an instance that takes no connection',
    code: 'upstream_connect',
    resources: async () => [...grpcServiceAt('app', await freePort()), policy('app', noRetry)],
  },
  {
    what: 'an instance that is cut off by its breaker',
    code: 'breaker_open',
    before: 1,
    resources: async () => [
      ...grpcServiceAt('app', await freePort()),
      policy('app', { ...noRetry, breaker: { consecutiveFailures: 1, openFor: '60s' } }),
    ],
  },
  {
    what: 'an instance that breaks the connection under the call',
    code: 'upstream_reset',
    resources: async (t) => [
      ...grpcServiceAt('app', (await wireServer(t, ({ session }) => session.destroy())).port),
      policy('app', noRetry),
    ],
  },
  {
    what: 'an instance that does not speak HTTP/2',
    code: 'upstream_connect',
    resources: async (t) => [...grpcServiceAt('app', await noHttp2(t)), policy('app', noRetry)],
  },
  {
    what: 'a request timeout',
    code: 'request_timeout',
    resources: async (t) => [
      ...grpcServiceAt('app', await silent(t)),
      policy('app', { ...noRetry, timeouts: { request: '100ms' } }),
    ],
  },
  {
    what: 'a timeout of each try',
    code: 'upstream_timeout',
    resources: async (t) => [
      ...grpcServiceAt('app', await silent(t)),
      policy('app', { ...noRetry, timeouts: { perTry: '100ms' } }),
    ],
  },
  {
    what: 'a request that is too large',
    code: 'body_too_large',
    resources: async (t) => grpcServiceAt('app', await silent(t)),
    spec: { limits: { bodyBytes: 1000 } },
    message: Buffer.alloc(2000),
  },
];

t.test('a call that no rule takes is UNIMPLEMENTED, one whose rule has no backend UNAVAILABLE', async (t) => {
  const rules = [{ matches: [{ grpc: { service: 'shop.Cart' } }], backends: [{ service: 'gone' }] }];
  const { port } = await staticProxy(t, { resources: [route('shop', rules)] });
  const client = await wireClient(t, port);
  t.equal((await client.ask('/shop.Other/Get')).status, 12);
  t.equal((await client.ask('/shop.Cart/Get')).status, 14);
});

for (const { what, code, resources, spec = {}, message, before = 0 } of cases)
  t.test(`${what} is a reply of trailers only`, async (t) => {
    const proxy = await staticProxy(t, { resources: await resources(t), spec });
    const client = await wireClient(t, proxy.port);
    for (let i = 0; i < before; i++) await client.ask('/pkg.Service/Method');
    checkLocalReply(t, await client.ask('/pkg.Service/Method', message ? { message } : {}), code);
  });

t.test('a failure of the next proxy reaches the caller as that proxy told it', async (t) => {
  const inner = await staticProxy(t, { resources: [grpcService('app')], appPort: await freePort() });
  const outer = await staticProxy(t, { resources: grpcServiceAt('app', inner.inboundPort) });
  checkLocalReply(t, await (await wireClient(t, outer.port)).ask('/pkg.Service/Method'), 'upstream_connect');
});

t.test('the media type of the request says whether it is gRPC', async (t) => {
  const proxy = await staticProxy(t);
  const client = await wireClient(t, proxy.port);
  const types = {
    'application/grpc': true,
    'application/grpc+proto': true,
    'application/grpc+json': true,
    'application/grpc;charset=utf-8': true,
    'application/grpcish': false,
    'application/json': false,
  };
  for (const [type, isGrpc] of Object.entries(types)) {
    const end = await client.ask('/pkg.Service/Method', { fields: { 'content-type': type } });
    if (isGrpc) checkLocalReply(t, end, 'route_not_found');
    else {
      t.equal(fieldOf(end.head!, ':status'), '404', type);
      t.equal(end.status, null, `${type}: no grpc-status`);
    }
  }
});
