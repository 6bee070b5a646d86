import t from 'tap';
import { fieldOf } from '../../harness/grpc/fields.ts';
import { type WireClient, wireClient } from '../../harness/grpc/wire-client.ts';
import { type ServedCall, type WireServer, wireServer } from '../../harness/grpc/wire-server.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { instance } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { grpcService } from './resources.ts';

/** The standard health service, `grpc.health.v1.Health`, asked by the proxy. Its two messages have one field each. */

const checkPath = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse: field 1 is the status, which is left out when it is 0. */
const serving = { unknown: Buffer.alloc(0), serving: at(1), notServing: at(2), serviceUnknown: at(3) };

function at(status: number): Buffer {
  return Buffer.from([0x08, status]);
}

/** HealthCheckRequest: field 1 is the name of the service, left out when it is the server as a whole. */
function requestFor(name: string): Buffer {
  return name === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);
}

/** A server whose health is what `check` answers; other calls are answered with its name. */
function checkedServer(t: Owner, name: string, check: (call: ServedCall) => unknown): Promise<WireServer> {
  return wireServer(t, (call) => (call.path === checkPath ? check(call) : call.answer(Buffer.from(name))));
}

const checksOf = ({ calls }: WireServer) => calls.filter(({ path }) => path === checkPath);

const often = { interval: '50ms', timeout: '500ms', unhealthyThreshold: 1, healthyThreshold: 1 };

/** Two instances, `first` and `second`, asked for their health in the way of gRPC. */
async function proxyBefore(t: Owner, servers: readonly WireServer[], check: object = {}): Promise<WireClient> {
  const healthCheck = { type: 'grpc', ...often, ...check };
  const instances = servers.map(({ port }, i) => instance(`app-${i}`, 'app', port, { healthCheck }));
  const proxy = await staticProxy(t, { resources: [grpcService('app'), ...instances] });
  return wireClient(t, proxy.port);
}

/** Who answers twenty calls in a row. */
async function answering(client: WireClient): Promise<string> {
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) names.add((await client.ask('/pkg.Service/Method')).messages[0]?.bytes.toString() ?? '');
  return [...names].sort().join();
}

function becomes(client: WireClient, names: string): Promise<boolean> {
  return until(async () => (await answering(client)) === names, { what: `calls for ${names}` });
}

t.test('an instance that says NOT_SERVING gets no calls until it says SERVING again', async (t) => {
  let health = serving.serving;
  const first = await checkedServer(t, 'first', (call) => call.answer(health));
  const second = await checkedServer(t, 'second', (call) => call.answer(serving.serving));
  const client = await proxyBefore(t, [first, second]);
  t.ok(await becomes(client, 'first,second'));
  health = serving.notServing;
  t.ok(await becomes(client, 'second'));
  t.equal(await answering(client), 'second', 'and it stays so');
  health = serving.serving;
  t.ok(await becomes(client, 'first,second'));
});

const failing: Readonly<Record<string, (call: ServedCall) => unknown>> = {
  'answers NOT_SERVING': (call) => call.answer(serving.notServing),
  'answers UNKNOWN': (call) => call.answer(serving.unknown),
  'answers SERVICE_UNKNOWN': (call) => call.answer(serving.serviceUnknown),
  'does not know the service': (call) => call.end(5),
  'has no health service': (call) => call.end(12),
  'resets the call': (call) => call.reset(),
  'says nothing': () => undefined,
  'answers with a status and no message': (call) => call.end(0),
  'answers SERVING and then fails': (call) => {
    call.head();
    call.send(serving.serving);
    call.end(13);
  },
  'answers with an error of HTTP': ({ stream }) => stream.respond({ ':status': 503 }, { endStream: true }),
};

for (const [what, check] of Object.entries(failing))
  t.test(`an instance that ${what} is taken out`, async (t) => {
    const first = await checkedServer(t, 'first', check);
    const second = await checkedServer(t, 'second', (call) => call.answer(serving.serving));
    const client = await proxyBefore(t, [first, second]);
    t.ok(await becomes(client, 'second'));
  });

for (const [title, name] of [
  ['the server as a whole', ''],
  ['a service by name', 'shop.Cart'],
] as const)
  t.test(`a check asks for ${title}, as a call of gRPC`, async (t) => {
    const server = await checkedServer(t, 'first', (call) => call.answer(serving.serving));
    await proxyBefore(t, [server], name === '' ? {} : { grpcService: name });
    const { fields, messages } = await until(() => checksOf(server)[0]);
    t.strictSame(messages[0]?.bytes, requestFor(name));
    t.equal(fieldOf(fields, ':method'), 'POST');
    t.equal(fieldOf(fields, 'te'), 'trailers');
    t.match(fieldOf(fields, 'content-type'), /^application\/grpc(\+proto)?$/);
  });

t.test('checks go on over one connection', async (t) => {
  const server = await checkedServer(t, 'first', (call) => call.answer(serving.serving));
  await proxyBefore(t, [server]);
  await until(() => checksOf(server).length >= 5);
  t.equal(new Set(checksOf(server).map(({ session }) => session)).size, 1);
});
