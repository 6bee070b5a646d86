import t from 'tap';
import { until } from '../harness/until.ts';
import { get, rawClient } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** What callers do wrong or on purpose must cost neither other callers nor the instances anything. */

const touchy = { timeouts: { idle: '200ms', perTry: '100ms' }, breaker: { consecutiveFailures: 1, openFor: '60s' } };

t.test('a request without a host does not change where the next one on its connection goes', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const caller = await rawClient(t, proxy.port);
  for (const [request, status] of [
    [get('/', 'app'), 200],
    ['GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 404],
    [get('/', 'app'), 200],
  ] as const) {
    caller.send(request);
    t.equal((await caller.reply()).status, status);
  }
});

t.test(
  'a caller that sends its body slowly opens no breaker, and the time of a try does not run meanwhile',
  async (t) => {
    const origin = await scriptedOrigin(t, () => reply('fine'));
    const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', touchy)] });
    const slow = await rawClient(t, proxy.port);
    slow.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nhalf');
    await new Promise((resolve) => setTimeout(resolve, 150));
    slow.send('second');
    t.equal((await slow.reply()).status, 200);
    t.equal(await proxy.metric('meshlane_breaker_state'), 0);
  },
);

t.test('a tunnel that nobody uses is closed and blames no instance', async (t) => {
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  const origin = await scriptedOrigin(t, ({ index }) => (index === 0 ? upgrade : reply('fine')));
  const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', touchy)] });
  const silent = await rawClient(t, proxy.port);
  silent.send(get('/', 'app', 'Connection: upgrade\r\nUpgrade: x\r\n'));
  await until(() => silent.isClosed);
  t.equal(await proxy.metric('meshlane_breaker_state'), 0);
});

t.test('a breaker takes an upgrade for a success, however the tunnel ends', async (t) => {
  const origin = await scriptedOrigin(t, ({ head, connection }) => {
    if (!head.startsWith('GET /tunnel')) return reply('', '', 500);
    connection.socket.once('data', () => connection.socket.resetAndDestroy());
    return 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n';
  });
  const breaker = { consecutiveFailures: 2, openFor: '60s' };
  const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), policy('app', { breaker })] });
  const fails = async () => {
    const caller = await rawClient(t, proxy.port);
    caller.send(get('/fails'));
    return (await caller.reply()).header('x-meshlane-reason');
  };
  await fails();
  for (let i = 0; i < 3; i++) {
    const caller = await rawClient(t, proxy.port);
    caller.send(get('/tunnel', 'app', 'Connection: upgrade\r\nUpgrade: x\r\n'));
    await caller.until((text) => text.includes('\r\n\r\n'));
    caller.send('break');
    await until(() => caller.isClosed);
    t.ok(caller.wasReset);
  }
  await fails();
  t.equal(await proxy.metric('meshlane_breaker_state'), 0);
  await fails();
  t.equal(await fails(), 'breaker_open');
});

t.test('a switch to h2c is never gone along with, however it is written', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const caller = await rawClient(t, proxy.port);
  for (const value of ['h2c', 'H2C,', 'websocket, h2c', 'h2c/1']) {
    caller.send(get('/', 'app', `Connection: upgrade, http2-settings\r\nUpgrade: ${value}\r\nHTTP2-Settings: x\r\n`));
    t.equal((await caller.reply()).status, 200);
  }
  for (const { head } of origin.requests) t.notMatch(head, /upgrade|http2-settings/i);
});

t.test('an instance that breaks off every reply opens its breaker', async (t) => {
  const origin = await scriptedOrigin(t, ({ connection }) => {
    connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    return undefined;
  });
  const resources = [
    ...serviceAt('app', origin.port),
    policy('app', { retry: { attempts: 0 }, breaker: { consecutiveFailures: 2, openFor: '60s' } }),
  ];
  const proxy = await staticProxy(t, { resources });
  for (let i = 0; i < 2; i++) {
    const caller = await rawClient(t, proxy.port);
    caller.send(get());
    await until(() => caller.isClosed);
  }
  const caller = await rawClient(t, proxy.port);
  caller.send(get());
  t.equal((await caller.reply()).header('x-meshlane-reason'), 'breaker_open');
});

t.test('long Connection fields, hosts and paths are refused or cost little', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rules = [{ matches: [{ path: { value: '/a/a' } }], backends: [{ service: 'app' }] }];
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), route('deep', rules, ['*.test'])],
  });
  const options = await rawClient(t, proxy.port);
  options.send(get('/', 'app', `Connection: ${'a,'.repeat(100)}b\r\n`));
  t.equal((await options.reply()).status, 400);
  const host = await rawClient(t, proxy.port);
  host.send(get('/', 'a.'.repeat(200)));
  t.equal((await host.reply()).status, 400);
  const deep = await rawClient(t, proxy.port);
  deep.send(get('/a'.repeat(8000), 'x.test'));
  t.equal((await deep.reply()).status, 200);
  t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'bad_request' }), 2);
});

t.test(
  'a body in chunks of one byte reaches the instance in few writes and is not kept beyond the bound',
  async (t) => {
    const origin = await scriptedOrigin(t, () => reply('fine'));
    const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
    const caller = await rawClient(t, proxy.port);
    caller.send(
      `POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\na\r\n'.repeat(60_000)}0\r\n\r\n`,
    );
    t.equal((await caller.reply()).status, 200);
    t.equal(origin.requests[0]?.body, 'a'.repeat(60_000));
  },
);
