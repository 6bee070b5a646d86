import { randomBytes } from 'node:crypto';
import t from 'tap';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { ask, get, isReset, rawClient } from '../harness/raw-client.ts';
import { echoServer, rawServer } from '../harness/raw-server.ts';
import { instance, policy, route, service, tcpServiceAt } from '../harness/resources.ts';
import { type StaticProxy, type StaticProxyOptions, staticProxy } from '../harness/static-proxy.ts';

/** Connections whose bytes are no HTTP: carried as they are, to an instance of a service. */

const listeners = [{ name: 'out', port: 0, protocol: 'tcp', service: 'db' }];
const closed = 'meshlane_tcp_connections_closed_total';
const open = 'meshlane_tcp_connections';

/** A proxy whose outbound listener carries everything to `db`. */
function tcpProxy(t: Owner, { spec = {}, ...options }: StaticProxyOptions): Promise<StaticProxy> {
  return staticProxy(t, { ...options, spec: { listeners, ...spec } });
}

const reasonOf = (proxy: StaticProxy, reason: string) => proxy.metric(closed, { direction: 'outbound', reason });

for (const transportKind of ['handle', 'socket'] as const) {
  t.test(`a megabyte goes each way as it is (${transportKind})`, async (t) => {
    const server = await echoServer(t);
    const proxy = await tcpProxy(t, { resources: tcpServiceAt('db', 'tcp', server.port), transportKind });
    const client = await rawClient(t, proxy.port);
    const bytes = randomBytes(1_000_000);
    client.send(bytes);
    await client.until((text) => text.length === bytes.length);
    t.ok(Buffer.from(client.received, 'latin1').equals(bytes));
    const labels = { direction: 'outbound', service: 'db', route: '(service)' };
    t.equal(await proxy.metric('meshlane_tcp_connections_opened_total', labels), 1);
    t.equal(await proxy.metric(open, labels), 1);
    client.end();
    await until(() => client.isClosed);
    await until(async () => (await proxy.metric(closed, { ...labels, reason: 'done' })) === 1);
    t.equal(await proxy.metric(open, labels), 0);
    t.equal(await proxy.metric('meshlane_tcp_received_bytes_total', labels), bytes.length);
    t.equal(await proxy.metric('meshlane_tcp_sent_bytes_total', labels), bytes.length);
    t.equal(await proxy.metric('meshlane_requests_total'), 0, 'it is no request');
  });

  t.test(`each side's end is passed on by itself (${transportKind})`, async (t) => {
    const server = await rawServer(t);
    const proxy = await tcpProxy(t, { resources: tcpServiceAt('db', 'tcp', server.port), transportKind });
    const first = await rawClient(t, proxy.port);
    first.end('all I have to say');
    await until(() => server.connections[0]?.hasEnded);
    t.equal(server.connections[0]!.received, 'all I have to say');
    server.connections[0]!.send('late ');
    await first.until((text) => text === 'late ');
    t.equal(first.hasEnded, false);
    server.connections[0]!.end('answer');
    await until(() => first.isClosed && server.connections[0]!.isClosed);
    t.equal(first.received, 'late answer');
    t.notOk(first.wasReset);

    const second = await rawClient(t, proxy.port);
    second.send('a');
    await until(() => server.connections[1]?.received === 'a');
    server.connections[1]!.end('no more from me');
    await until(() => second.hasEnded);
    t.equal(second.received, 'no more from me');
    second.end('bc');
    await until(() => server.connections[1]!.hasEnded && second.isClosed);
    t.equal(server.connections[1]!.received, 'abc');
    await until(async () => (await reasonOf(proxy, 'done')) === 2);
  });

  t.test(`a break of one side is one for the other (${transportKind})`, async (t) => {
    const server = await rawServer(t);
    const proxy = await tcpProxy(t, { resources: tcpServiceAt('db', 'tcp', server.port), transportKind });
    const first = await rawClient(t, proxy.port);
    first.send('a');
    await until(() => server.connections[0]?.received === 'a');
    first.reset();
    await until(() => server.connections[0]!.isClosed);
    t.ok(server.connections[0]!.wasReset);
    await until(async () => (await reasonOf(proxy, 'caller_reset')) === 1);

    const second = await rawClient(t, proxy.port);
    second.send('b');
    await until(() => server.connections[1]?.received === 'b');
    server.connections[1]!.reset();
    await until(() => second.isClosed);
    t.ok(second.wasReset);
    await until(async () => (await reasonOf(proxy, 'upstream_reset')) === 1);
    t.equal(await proxy.metric(open), 0);
  });

  t.test(
    `an instance that ends and then breaks is heard to the end before the caller breaks (${transportKind})`,
    async (t) => {
      const server = await rawServer(t);
      const proxy = await tcpProxy(t, { resources: tcpServiceAt('db', 'tcp', server.port), transportKind });
      const client = await rawClient(t, proxy.port);
      client.send('a');
      await until(() => server.connections[0]?.received === 'a');
      server.connections[0]!.end('last words');
      await until(() => client.hasEnded);
      server.connections[0]!.socket.destroy();
      const sending = setInterval(() => client.send('nobody reads this'), 50); // and so it is answered with a reset
      t.teardown(() => clearInterval(sending));
      await until(() => client.isClosed);
      t.equal(client.received, 'last words');
      await until(async () => (await reasonOf(proxy, 'upstream_reset')) === 1);
    },
  );
}

t.test('a caller that has ended before an instance is reached is carried all the same', async (t) => {
  const server = await echoServer(t);
  const proxy = await tcpProxy(t, { resources: tcpServiceAt('db', 'tcp', server.port) });
  const client = await rawClient(t, proxy.port);
  client.end('all at once');
  await until(() => client.isClosed);
  t.equal(client.received, 'all at once');
});

t.test('another instance is taken when one cannot be reached, and all of it is counted', async (t) => {
  const server = await echoServer(t);
  const resources = [
    ...tcpServiceAt('db', 'tcp', server.port),
    instance('gone', 'db', await freePort()),
    policy('db', { loadBalancer: { policy: 'round-robin' }, connections: { backoff: '1ms', maxBackoff: '1ms' } }),
  ];
  const proxy = await tcpProxy(t, { resources });
  for (let i = 0; i < 6; i++) {
    const client = await rawClient(t, proxy.port);
    client.end(`${i}`);
    await until(() => client.isClosed);
    t.equal(client.received, `${i}`);
  }
  t.ok((await proxy.metric('meshlane_retries_total', { service: 'db', cause: 'upstream_connect' })) >= 1);
  t.equal(await reasonOf(proxy, 'done'), 6);
});

t.test('what cannot be carried is reset, and the metrics say why', async (t) => {
  const port = await freePort();
  const noRetry = policy('down', { retry: { attempts: 0 }, breaker: { consecutiveFailures: 1, openFor: '60s' } });
  const down = [...tcpServiceAt('down', 'tcp', port), noRetry];
  const cases: [string, string, StaticProxyOptions['resources']][] = [
    ['db', 'no_endpoint', [service('db', 'tcp')]],
    ['db', 'route_not_found', []],
    ['down', 'upstream_connect', down],
    ['down', 'breaker_open', down],
  ];
  let proxy: StaticProxy | null = null;
  for (const [name, reason, resources = []] of cases) {
    if (reason !== 'breaker_open')
      proxy = await tcpProxy(t, { resources, spec: { listeners: [{ ...listeners[0], service: name }] } });
    t.ok(await isReset(t, proxy!.port), reason);
    await until(async () => (await reasonOf(proxy!, reason)) === 1);
    t.equal(await proxy!.metric(open), 0);
  }
});

t.test('a service has no more connections than it may', async (t) => {
  const server = await echoServer(t);
  const resources = [...tcpServiceAt('db', 'tcp', server.port), policy('db', { connections: { max: 2 } })];
  const proxy = await tcpProxy(t, { resources });
  const carried = [await rawClient(t, proxy.port), await rawClient(t, proxy.port)];
  for (const client of carried) {
    client.send('a');
    await client.until((text) => text === 'a');
  }
  t.ok(await isReset(t, proxy.port));
  await until(async () => (await reasonOf(proxy, 'overloaded')) === 1);
  carried[0]!.end();
  await until(() => carried[0]!.isClosed && server.connections[0]!.isClosed);
  const next = await rawClient(t, proxy.port);
  next.send('b');
  await next.until((text) => text === 'b');
});

t.test('silence ends a connection, and bytes either way put it off', async (t) => {
  const server = await rawServer(t);
  const resources = [...tcpServiceAt('db', 'tcp', server.port), policy('db', { timeouts: { idle: '400ms' } })];
  const proxy = await tcpProxy(t, { resources });
  const begun = performance.now();
  const client = await rawClient(t, proxy.port);
  await until(() => server.connections.length === 1);
  const ticking = setInterval(() => {
    server.connections[0]!.send('tick');
    client.send('tack');
  }, 100);
  t.teardown(() => clearInterval(ticking));
  await until(() => client.received.length >= 28);
  clearInterval(ticking);
  t.notOk(client.isClosed);
  await until(() => client.isClosed && server.connections[0]!.isClosed);
  t.ok(client.wasReset && server.connections[0]!.wasReset);
  t.ok(performance.now() - begun >= 1000);
  await until(async () => (await reasonOf(proxy, 'idle')) === 1);
});

t.test('connections count for the balancer as requests under way', async (t) => {
  const servers = [await rawServer(t), await rawServer(t)];
  const resources = [
    ...tcpServiceAt('db', 'tcp', ...servers.map(({ port }) => port)),
    policy('db', { loadBalancer: { policy: 'least-request' } }),
  ];
  const proxy = await tcpProxy(t, { resources });
  for (let i = 1; i <= 8; i++) {
    await rawClient(t, proxy.port);
    await until(() => servers[0]!.connections.length + servers[1]!.connections.length === i);
  }
  t.equal(servers[0]!.connections.length, 4);
});

t.test('a route for the name of the service shares its connections out, one for every host does not', async (t) => {
  const servers = [await rawServer(t), await rawServer(t), await rawServer(t)];
  const [v1, v2, other] = servers.map(({ port }) => port);
  const backends = [
    { service: 'db', labels: { version: 'v1' }, weight: 3 },
    { service: 'db', labels: { version: 'v2' }, weight: 1 },
  ];
  const instances = [
    service('db', 'tcp'),
    instance('db-1', 'db', v1!, { labels: { version: 'v1' } }),
    instance('db-2', 'db', v2!, { labels: { version: 'v2' } }),
    ...tcpServiceAt('other', 'tcp', other!),
    route('all', [{ backends: [{ service: 'other' }] }]),
  ];
  const split = await tcpProxy(t, { resources: [...instances, route('split', [{ backends }], ['db'])] });
  for (let i = 1; i <= 8; i++) {
    await rawClient(t, split.port);
    await until(() => servers[0]!.connections.length + servers[1]!.connections.length === i);
  }
  const first = servers[0]!.connections.length;
  t.ok(first >= 5 && first <= 7, `${first} of 8`);
  const plain = await tcpProxy(t, { resources: instances });
  await rawClient(t, plain.port);
  await until(() => servers[0]!.connections.length + servers[1]!.connections.length === 9);
  t.equal(servers[2]!.connections.length, 0);
});

t.test('a sidecar carries everything to an application that is a service of tcp, HTTP as well', async (t) => {
  const application = await echoServer(t);
  const proxy = await staticProxy(t, { resources: [service('app', 'tcp')], appPort: application.port });
  const client = await rawClient(t, proxy.inboundPort);
  client.end(get());
  await until(() => client.isClosed);
  t.equal(client.received, get());
  t.equal(await proxy.metric(closed, { direction: 'inbound', service: 'app', route: '(inbound)', reason: 'done' }), 1);
});

t.test('two sidecars carry bytes from one to the other as they are', async (t) => {
  const application = await echoServer(t);
  const near = await staticProxy(t, { resources: [service('app', 'tcp')], appPort: application.port });
  const registered = instance('app-1', 'app', near.inboundPort, { protocol: 'http2' });
  const far = await tcpProxy(t, {
    resources: [service('app', 'tcp'), registered],
    spec: { listeners: [{ ...listeners[0], service: 'app' }] },
  });
  const client = await rawClient(t, far.port);
  const bytes = randomBytes(300_000);
  client.end(bytes.toString('latin1'));
  await until(() => client.isClosed);
  t.ok(Buffer.from(client.received, 'latin1').equals(bytes));
  await until(async () => (await reasonOf(far, 'done')) === 1 && (await near.metric(closed, { reason: 'done' })) === 1);
});

t.test('requests to a service of tcp are refused by Host as before, also where its bytes are carried', async (t) => {
  const server = await rawServer(t);
  const resources = tcpServiceAt('db', 'tcp', server.port);
  const proxy = await staticProxy(t, { resources, spec: { listeners: [{ name: 'out', port: 0, service: 'db' }] } });
  const answer = await ask(t, proxy.port, get('/', 'db'));
  t.equal(answer.status, 501);
  t.equal(answer.header('x-meshlane-reason'), 'not_implemented');
  t.equal(server.connections.length, 0);
});

t.test('a proxy that carries only HTTP has no series of other connections', async (t) => {
  const proxy = await staticProxy(t, { resources: [service('app')] });
  await ask(t, proxy.port, get('/', 'app'));
  t.notMatch(await proxy.metrics(), /meshlane_tcp_/);
});

t.test('a caller that takes nothing of the last bytes has its time', async (t) => {
  const server = await rawServer(t, ({ socket }) => {
    socket.once('data', () => socket.end(Buffer.alloc(20_000_000)));
  });
  const resources = tcpServiceAt('db', 'tcp', server.port);
  const limits = { keepAliveTimeout: '500ms', bufferBytes: 67_108_864 };
  const proxy = await tcpProxy(t, { resources, spec: { limits } });
  const client = await rawClient(t, proxy.port);
  client.socket.pause();
  client.end('go');
  await until(async () => (await proxy.metric('meshlane_tcp_sent_bytes_total')) === 20_000_000);
  await until(async () => (await proxy.metric(open)) === 0);
  t.equal(await proxy.metric('meshlane_connections_closed_total', { reason: 'stalled' }), 1);
});
