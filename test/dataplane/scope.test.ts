import t from 'tap';
import type { Explanation } from '../../shared/routing/explain/explanation.ts';
import { wireClient } from '../harness/grpc/wire-client.ts';
import { wireServer } from '../harness/grpc/wire-server.ts';
import type { Owner } from '../harness/owner.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { grpcServiceAt } from './grpc/resources.ts';
import { pushPlane } from './harness/push-plane.ts';
import { type PushedProxy, pushedProxy } from './harness/pushed-proxy.ts';
import { ask, get, isReset, rawClient } from './harness/raw-client.ts';
import { echoServer } from './harness/raw-server.ts';
import { instance, policy, route, service, serviceAt, tcpServiceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { callerOf, originOf } from './http2/calling.ts';

/** A proxy is told of the instances of the services that it calls, and its first request to one waits for that. */

const post = 'POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\n';
const inFlight = (proxy: PushedProxy) => proxy.metric('meshlane_requests_in_flight', { direction: 'outbound' });
const waiting = (proxy: PushedProxy, count: number) =>
  until(async () => (await inFlight(proxy)) === count, { what: `${count} requests that wait` });
const closings = (proxy: PushedProxy, reason: string) =>
  proxy.metric('meshlane_tcp_connections_closed_total', { reason });

/** A control plane with a service `app` that answers with its name, and a proxy of it. */
async function shop(t: Owner, options: Parameters<typeof pushedProxy>[2] = {}) {
  const origin = await scriptedOrigin(t, ({ body }) => reply(`app ${body}`));
  const plane = await pushPlane(t, [...serviceAt('app', origin.port), ...serviceAt('other', origin.port)]);
  return { origin, plane, proxy: await pushedProxy(t, plane, options) };
}

t.test('the first request to a service waits for its instances, over HTTP/1.1', async (t) => {
  const { plane, proxy } = await shop(t);
  t.match(plane.hellos, [{ scoped: true, services: [], mesh: '', revision: 0 }]);
  t.notOk(
    (await proxy.snapshot()).resources.some(({ kind }) => kind === 'Instance'),
    'no instance is sent unasked',
  );
  const first = await ask(t, proxy.port, get());
  t.match([first.status, String(first.body)], [200, 'app ']);
  t.strictSame(plane.scopes, [['app']]);
  const { scope, resources } = await proxy.snapshot();
  t.strictSame(scope, { services: ['app'], known: ['app'] });
  t.strictSame(
    resources.filter(({ kind }) => kind === 'Instance').map(({ name }) => name),
    ['app-0'],
  );
  await ask(t, proxy.port, get());
  t.equal(plane.scopes.length, 1, 'it is asked for once');
  t.equal(await proxy.metric('meshlane_scope_services'), 1);
});

t.test('the same over HTTP/2', async (t) => {
  const port = await originOf(t, 'http2', (_, reply) => reply.end('hello'));
  const plane = await pushPlane(t, [service('app'), instance('app-0', 'app', port, { protocol: 'http2' })]);
  const proxy = await pushedProxy(t, plane);
  const call = callerOf(t, 'http2', proxy.port);
  const answers = await Promise.all([call({}), call({ method: 'POST', body: Buffer.from('x') }), call({})]);
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  t.equal(plane.scopes.length, 1);
});

t.test('the same for calls of gRPC', async (t) => {
  const server = await wireServer(t, (call) => call.end(0));
  const plane = await pushPlane(t, grpcServiceAt('app', server.port));
  const client = await wireClient(t, (await pushedProxy(t, plane)).port);
  t.equal((await client.ask('/shop.Cart/Get')).status, 0);
});

t.test('the same for a tunnel by CONNECT', async (t) => {
  const server = await echoServer(t);
  const plane = await pushPlane(t, tcpServiceAt('db', 'tcp', server.port));
  const listeners = [{ name: 'out', port: 0, connect: true }];
  const client = await rawClient(t, (await pushedProxy(t, plane, { spec: { listeners } })).port);
  client.send(`CONNECT db:${server.port} HTTP/1.1\r\nHost: db\r\n\r\n`);
  await client.until((text) => /^HTTP\/1.1 200.*\r\n\r\n$/s.test(text), 'the tunnel');
  client.send('hello');
  await client.until((text) => text.endsWith('hello'));
});

t.test('a connection that is no HTTP waits for the service that its route leads to', async (t) => {
  const server = await echoServer(t);
  const plane = await pushPlane(t, [
    ...tcpServiceAt('db', 'tcp', server.port),
    ...tcpServiceAt('other', 'tcp', server.port),
    route('db', [{ backends: [{ service: 'other' }] }], ['db']),
  ]);
  const listeners = [{ name: 'out', port: 0, protocol: 'tcp', service: 'db' }];
  const proxy = await pushedProxy(t, plane, { spec: { listeners } });
  t.strictSame(plane.hellos[0]?.services, ['db'], 'what a listener names is in the scope from the start');
  const client = await rawClient(t, proxy.port);
  client.send('hello');
  await client.until((text) => text === 'hello');
  t.strictSame(plane.scopes, [['db', 'other']]);
});

t.test('200 first requests at once ask once, and none fails', async (t) => {
  const { plane, proxy } = await shop(t, { spec: { workers: 2 } });
  const replies = await Promise.all(Array.from({ length: 200 }, () => ask(t, proxy.port, get())));
  t.ok(replies.every(({ status }) => status === 200));
  t.strictSame(plane.scopes, [['app']]);
});

t.test('a body that comes meanwhile is kept, as far as the bound, and sent on', async (t) => {
  const { origin, plane, proxy } = await shop(t, { spec: { limits: { replayBytes: 1000 } } });
  plane.answers = false;
  const small = await rawClient(t, proxy.port);
  small.send(`${post}abc`);
  const large = await rawClient(t, proxy.port);
  const body = 'l'.repeat(5_000_000);
  large.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await waiting(proxy, 2);
  small.send('de');
  await until(() => plane.scopes.length === 1);
  t.ok(large.socket.writableLength > 0, 'it has to wait');
  plane.answer();
  t.equal(String((await small.reply()).body), 'app abcde');
  t.equal((await large.reply()).body.length, body.length + 4);
  t.equal(origin.requests.length, 2);
});

t.test('a service without instances is answered as soon as that is known', async (t) => {
  const plane = await pushPlane(t, [service('app')]);
  const proxy = await pushedProxy(t, plane);
  for (let i = 0; i < 2; i++) t.equal((await ask(t, proxy.port, get())).header('x-meshlane-reason'), 'no_endpoint');
  t.equal(plane.scopes.length, 1);
  const origin = await scriptedOrigin(t, () => reply());
  plane.add(instance('app-0', 'app', origin.port));
  await until(async () => (await ask(t, proxy.port, get())).status === 200);
});

t.test('a request waits for 2 s at most', async (t) => {
  const { plane, proxy } = await shop(t);
  plane.answers = false;
  const startMs = performance.now();
  const late = await ask(t, proxy.port, get());
  const tookMs = performance.now() - startMs;
  t.match([late.status, late.header('x-meshlane-reason')], [503, 'endpoints_unknown']);
  t.ok(tookMs > 1900 && tookMs < 4000, `${tookMs} ms`);
  t.equal(await inFlight(proxy), 0);
  plane.answer();
  await until(async () => (await ask(t, proxy.port, get())).status === 200);
  t.equal(plane.scopes.length, 1);
});

t.test('a timeout of the request holds while it waits', async (t) => {
  const { plane, proxy } = await shop(t);
  const rule = { backends: [{ service: 'app' }], timeouts: { request: '100ms' } };
  plane.add(route('quick', [rule], ['app']));
  await until(async () => (await proxy.snapshot()).resources.some(({ name }) => name === 'quick'));
  plane.answers = false;
  t.equal((await ask(t, proxy.port, get())).header('x-meshlane-reason'), 'request_timeout');
});

t.test('with the control plane away nothing waits, and all is well when it is back', async (t) => {
  const { plane, proxy } = await shop(t);
  await ask(t, proxy.port, get());
  plane.answers = false;
  const early = await rawClient(t, proxy.port);
  early.send(get('/', 'other'));
  await waiting(proxy, 1);
  plane.stop();
  t.equal((await early.reply()).header('x-meshlane-reason'), 'endpoints_unknown', 'who waits already is told, too');
  const startMs = performance.now();
  t.equal((await ask(t, proxy.port, get('/', 'other'))).header('x-meshlane-reason'), 'endpoints_unknown');
  t.ok(performance.now() - startMs < 500, 'at once');
  t.equal((await ask(t, proxy.port, get())).status, 200, 'what is known is served');
  await plane.start();
  await until(async () => (await ask(t, proxy.port, get('/', 'other'))).status === 200);
  t.match(plane.hellos.at(-1), { services: ['app', 'other'], mesh: 'mesh-1', revision: 1 });
});

t.test('who waits does not notice that another control plane takes the stream over', async (t) => {
  const { plane, proxy } = await shop(t);
  plane.answers = false;
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await until(() => plane.scopes.length === 1);
  plane.cut();
  t.equal((await client.reply()).status, 200);
  t.strictSame(plane.hellos[1]?.services, ['app']);
});

t.test('a proxy that starts again knows what it knew, without a control plane', async (t) => {
  const stateFolder = tempFolder(t);
  const { plane, proxy } = await shop(t, { stateFolder });
  await ask(t, proxy.port, get());
  await proxy.close();
  plane.stop();
  const again = await pushedProxy(t, plane, { stateFolder });
  t.equal((await ask(t, again.port, get())).status, 200);
  t.equal((await ask(t, again.port, get('/', 'other'))).header('x-meshlane-reason'), 'endpoints_unknown');
  await plane.start();
  await until(() => plane.hellos.length === 2);
  t.match(plane.hellos[1], { services: ['app', 'other'], mesh: 'mesh-1', revision: 1 });
});

t.test('a service that is called no more leaves, and is asked for again when it is', async (t) => {
  const { plane, proxy } = await shop(t, { scopeIdleMs: 1 });
  await ask(t, proxy.port, get());
  await until(async () => (await proxy.snapshot()).scope.services.length === 0, { what: 'an empty scope' });
  const isGone = async () => (await proxy.snapshot()).resources.every(({ kind }) => kind !== 'Instance');
  await until(isGone, { what: 'the end of its instances' });
  t.equal((await ask(t, proxy.port, get())).status, 200);
  t.strictSame(plane.scopes, [['app'], [], ['app']]);
});

t.test('a service with a request under way does not leave', async (t) => {
  let answer = (): unknown => undefined;
  const later = new Promise<string>((resolve) => {
    answer = () => resolve(reply());
  });
  const slow = await scriptedOrigin(t, () => later);
  const quick = await scriptedOrigin(t, () => reply());
  const plane = await pushPlane(t, [...serviceAt('app', slow.port), ...serviceAt('other', quick.port)]);
  const proxy = await pushedProxy(t, plane, { scopeIdleMs: 1 });
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await ask(t, proxy.port, get('/', 'other'));
  await until(async () => !(await proxy.snapshot()).scope.services.includes('other'), { what: 'the end of the other' });
  t.strictSame((await proxy.snapshot()).scope.services, ['app']);
  answer();
  t.equal((await client.reply()).status, 200);
});

t.test('a caller that goes away while it waits is forgotten', async (t) => {
  const { plane, proxy } = await shop(t);
  plane.answers = false;
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await waiting(proxy, 1);
  client.reset();
  await waiting(proxy, 0);
  plane.answer();
  t.equal((await ask(t, proxy.port, get())).status, 200);
  t.equal(await proxy.metric('meshlane_requests_total', { direction: 'outbound', code: '499' }), 1);
});

t.test('what waits when a drain begins is answered before it ends', async (t) => {
  const { plane, proxy } = await shop(t);
  plane.answers = false;
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await waiting(proxy, 1);
  const drained = proxy.drain();
  plane.answer();
  t.equal((await client.reply()).status, 200);
  await drained;
});

t.test('1,024 requests wait in a worker, and one more is refused', async (t) => {
  const { plane, proxy } = await shop(t);
  plane.answers = false;
  const call = await rawClient(t, proxy.port);
  const { session } = await wireClient(t, proxy.port);
  const sessions = [
    session,
    ...(await Promise.all(Array.from({ length: 4 }, async () => (await wireClient(t, proxy.port)).session))),
  ];
  for (let i = 0; i < 1024; i++)
    sessions[i % 5]!.request({ ':path': '/', ':authority': 'app' }).on('error', () => undefined);
  await waiting(proxy, 1024);
  call.send(get());
  t.equal((await call.reply()).header('x-meshlane-reason'), 'overloaded');
});

t.test('a mirror is asked for when there is a copy for it', async (t) => {
  const origin = await scriptedOrigin(t, () => reply());
  const plane = await pushPlane(t, [
    ...serviceAt('app', origin.port),
    ...serviceAt('shadow', origin.port),
    route('r', [{ backends: [{ service: 'app' }], mirrors: [{ service: 'shadow' }] }], ['app']),
  ]);
  const proxy = await pushedProxy(t, plane);
  await ask(t, proxy.port, get());
  await until(() => origin.requests.length === 2, { what: 'the copy' });
  t.strictSame(plane.scopes.at(-1)?.toSorted(), ['app', 'shadow']);
  const sent = { result: 'sent' };
  await until(async () => (await proxy.metric('meshlane_mirrored_requests_total', sent)) === 1);
});

t.test('a fallback is asked for when it is needed', async (t) => {
  const broken = await scriptedOrigin(t, () => reply('', '', 500));
  const standIn = await scriptedOrigin(t, () => reply('instead'));
  const breaker = { consecutiveFailures: 1, openFor: '60s', fallback: { service: 'other' } };
  const plane = await pushPlane(t, [
    ...serviceAt('app', broken.port),
    ...serviceAt('other', standIn.port),
    policy('app', { breaker, retry: { attempts: 0 } }),
  ]);
  const proxy = await pushedProxy(t, plane);
  t.equal((await ask(t, proxy.port, get())).status, 500);
  t.strictSame(plane.scopes, [['app']]);
  t.equal(String((await ask(t, proxy.port, get())).body), 'instead');
  t.strictSame(plane.scopes[1], ['app', 'other']);
});

t.test('a request that began before a route was changed goes on', async (t) => {
  const { plane, proxy } = await shop(t);
  plane.answers = false;
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await waiting(proxy, 1);
  plane.add(route('more', [{ backends: [{ service: 'other' }] }], ['app']));
  await until(async () => (await proxy.snapshot()).resources.some(({ name }) => name === 'more'));
  plane.answer();
  t.equal((await client.reply()).status, 200);
});

t.test('a session finds its instance among those that come later', async (t) => {
  const origins = await Promise.all(Array.from({ length: 8 }, (_, i) => scriptedOrigin(t, () => reply(`origin ${i}`))));
  const rule = { backends: [{ service: 'app' }], sessionPersistence: { sessionName: 's' } };
  const plane = await pushPlane(t, [
    ...serviceAt('app', ...origins.map(({ port }) => port)),
    route('sessions', [rule], ['app']),
  ]);
  const first = await ask(t, (await pushedProxy(t, plane)).port, get());
  const cookie = /^s=[^;]+/.exec(first.header('set-cookie') ?? '')?.[0];
  t.ok(cookie, 'the first request begins one');
  for (let i = 0; i < 3; i++) {
    const fresh = await pushedProxy(t, plane);
    const next = await ask(t, fresh.port, get('/', 'app', `Cookie: ${cookie}\r\n`));
    t.equal(String(next.body), String(first.body));
  }
});

t.test('explain says of a service that nobody called that the first request asks', async (t) => {
  const { proxy } = await shop(t);
  const explain = async () => {
    const reply = await fetch(`http://127.0.0.1:${proxy.adminPort}/explain?url=http://app/`);
    return ((await reply.json()) as Explanation).backends[0];
  };
  t.match(await explain(), { problem: /not asked for yet: the first request asks/, live: { isKnown: false } });
  await ask(t, proxy.port, get());
  t.match(await explain(), { problem: null, live: { isKnown: true }, endpoints: [{ name: 'app-0' }] });
});

t.test('nothing waits with a control plane that knows no scopes', async (t) => {
  const { origin, plane } = await shop(t);
  plane.mesh = '';
  const proxy = await pushedProxy(t, plane);
  t.equal((await proxy.snapshot()).scope.known, null);
  t.equal((await ask(t, proxy.port, get('/', 'other'))).status, 200);
  plane.add(service('empty'));
  await until(async () => (await ask(t, proxy.port, get('/', 'empty'))).header('x-meshlane-reason') === 'no_endpoint');
  t.equal(origin.requests.length, 1);
  t.strictSame(plane.scopes, []);
});

t.test('a TCP connection that waits in vain is reset', async (t) => {
  const server = await echoServer(t);
  const plane = await pushPlane(t, [
    ...tcpServiceAt('db', 'tcp', server.port),
    ...tcpServiceAt('other', 'tcp', server.port),
    route('db', [{ backends: [{ service: 'other' }] }], ['db']),
  ]);
  plane.answers = false;
  const listeners = [{ name: 'out', port: 0, protocol: 'tcp', service: 'db' }];
  const proxy = await pushedProxy(t, plane, { spec: { listeners } });
  t.ok(await isReset(t, proxy.port, 'hello'));
  t.equal(await closings(proxy, 'endpoints_unknown'), 1);
});
