import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { instance, policy, service, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

const noRetry = { retry: { attempts: 0 } };

t.test('no more connections than allowed; who waits is served in order, who is too many is told so', async (t) => {
  const waiting: (() => void)[] = [];
  const origin = await scriptedOrigin(t, async ({ head }) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return reply(head.split(' ')[1]);
  });
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { connections: { max: 1, maxPending: 2 }, ...noRetry }),
    ],
  });
  const clients = [];
  for (const path of ['/1', '/2', '/3']) {
    const client = await rawClient(t, proxy.port);
    client.send(get(path));
    clients.push(client);
    await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === clients.length);
  }
  const tooMany = await ask(t, proxy.port, get('/4'));
  t.equal(tooMany.status, 503);
  t.equal(tooMany.header('x-meshlane-reason'), 'overloaded');
  for (const [i, client] of clients.entries()) {
    await until(() => waiting.length === i + 1);
    waiting[i]!();
    t.equal((await client.reply()).body.toString(), `/${i + 1}`);
  }
  t.equal(origin.connections.length, 1);
});

t.test('a caller that leaves while it waits for a connection is forgotten', async (t) => {
  const waiting: (() => void)[] = [];
  const origin = await scriptedOrigin(t, async ({ head }) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return reply(head.split(' ')[1]);
  });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { connections: { max: 1 }, ...noRetry })],
  });
  const clients = [];
  for (const path of ['/1', '/2', '/3']) {
    const client = await rawClient(t, proxy.port);
    client.send(get(path));
    clients.push(client);
    await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === clients.length);
  }
  clients[1]!.reset();
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 2);
  waiting[0]!();
  t.equal((await clients[0]!.reply()).body.toString(), '/1');
  await until(() => waiting.length === 2);
  waiting[1]!();
  t.equal((await clients[2]!.reply()).body.toString(), '/3');
  t.equal(origin.requests.length, 2);
});

t.test('an idle connection is closed after its time, and one that is old takes no further request', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { connections: { idleTimeout: '150ms', maxLifetime: '400ms' } }),
    ],
  });
  const startMs = performance.now();
  await ask(t, proxy.port, get());
  await until(() => origin.connections[0]!.isClosed, { timeoutMs: 2000 });
  t.ok(performance.now() - startMs >= 150);
  await ask(t, proxy.port, get());
  const bornMs = performance.now();
  while (performance.now() - bornMs < 300) {
    await ask(t, proxy.port, get());
    await wait(30);
  }
  t.equal(origin.connections.length, 2, 'used again while it is young');
  while (performance.now() - bornMs < 450) await wait(20);
  await ask(t, proxy.port, get());
  t.equal(origin.connections.length, 3);
});

t.test('idle connections beyond the bound are closed', async (t) => {
  const origin = await scriptedOrigin(t, async () => {
    await wait(50);
    return reply('ok');
  });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { connections: { maxIdle: 2 } })],
  });
  await Promise.all(Array.from({ length: 6 }, () => ask(t, proxy.port, get())));
  t.equal(origin.connections.length, 6);
  await until(() => origin.connections.filter(({ isClosed }) => isClosed).length === 4);
});

t.test('a connection that is not made in time counts as failed', async (t) => {
  // An address of the documentation range: nobody answers, or the network says at once that there is no way.
  const proxy = await staticProxy(t, {
    resources: [
      service('app'),
      instance('far', 'app', 9, { address: '192.0.2.1' }),
      policy('app', { connections: { connectTimeout: '200ms' }, ...noRetry }),
    ],
  });
  const startMs = performance.now();
  const got = await ask(t, proxy.port, get());
  t.equal(got.status, 503);
  t.equal(got.header('x-meshlane-reason'), 'upstream_connect');
  t.ok(performance.now() - startMs < 2000);
});

t.test('silence ends an exchange after the idle timeout', async (t) => {
  const origin = await scriptedOrigin(t, ({ head, connection }) => {
    if (head.startsWith('GET /begun')) connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    return undefined;
  });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { timeouts: { idle: '200ms' }, ...noRetry })],
  });
  const silent = await ask(t, proxy.port, get());
  t.equal(silent.status, 504);
  const begun = await rawClient(t, proxy.port);
  begun.send(get('/begun'));
  await begun.closed();
  await until(() => begun.wasReset);
});

t.test('a request that waits for a connection of an instance that dies is not lost', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined);
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { connections: { max: 1 }, retry: { attempts: 0 } })],
  });
  const first = await rawClient(t, proxy.port);
  first.send(get('/1'));
  await until(() => origin.requests.length === 1);
  const second = await rawClient(t, proxy.port);
  second.send(get('/2'));
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 2);
  await origin.stop();
  t.equal((await first.reply()).status, 502);
  t.equal((await second.reply()).status, 503);
});
