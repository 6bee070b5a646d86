import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { policy, serviceAt, tcpServiceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

const post = (length: number, body: string, fields = '') =>
  `POST /x HTTP/1.1\r\nHost: nowhere\r\nContent-Length: ${length}\r\n${fields}\r\n${body}`;

t.test('a caller whose body is thrown away keeps its connection, whenever the body comes', async (t) => {
  const proxy = await staticProxy(t);
  const caller = await rawClient(t, proxy.port);
  for (const body of ['whole', 'again']) {
    caller.send(post(body.length, body));
    const answer = await caller.reply();
    t.equal(answer.status, 404);
    t.equal(answer.header('connection'), undefined);
  }
  caller.send(post(6, 'cut'));
  t.equal((await caller.reply()).status, 404);
  caller.send(`off${get('/next', 'nowhere')}`);
  t.equal((await caller.reply()).header('x-meshlane-reason'), 'route_not_found');
});

t.test('a caller that may never send its body, or too much of it, is told that the connection closes', async (t) => {
  const proxy = await staticProxy(t);
  const waiting = await ask(t, proxy.port, post(5, '', 'Expect: 100-continue\r\n'));
  t.equal(waiting.header('connection'), 'close');
  const large = await ask(t, proxy.port, post(1_000_000, 'a'));
  t.equal(large.header('connection'), 'close');
});

t.test('a head that does not come is answered with 408, and an idle connection is closed', async (t) => {
  const proxy = await staticProxy(t, { spec: { limits: { headTimeout: '800ms', keepAliveTimeout: '300ms' } } });
  const slow = await rawClient(t, proxy.port);
  slow.send('GET / HTTP/1.1\r\nHo');
  const answer = await slow.reply();
  t.equal(answer.status, 408);
  t.equal(answer.header('x-meshlane-reason'), 'request_head_timeout');
  const idle = await rawClient(t, proxy.port);
  idle.send(get('/', 'nowhere'));
  t.equal((await idle.reply()).status, 404);
  t.equal(await idle.closed(), '');
});

t.test('connections over the bound of a listener are closed at once', async (t) => {
  const proxy = await staticProxy(t, { spec: { limits: { connections: 2 } } });
  const kept = [await rawClient(t, proxy.port), await rawClient(t, proxy.port)];
  for (const caller of kept) {
    caller.send(get('/', 'nowhere'));
    t.equal((await caller.reply()).status, 404);
  }
  // The reset may come before or after the caller has noticed that it is connected.
  const over = await rawClient(t, proxy.port).catch(() => null);
  await until(() => over === null || over.isClosed);
  kept[0]!.socket.destroy();
  await until(async () => (await ask(t, proxy.port, get('/', 'nowhere')).catch(() => null))?.status === 404);
});

t.test('a caller that stops in the middle of its body is told so, and no instance is blamed', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const resources = [
    ...serviceAt('app', origin.port),
    policy('app', { timeouts: { idle: '200ms' }, breaker: { consecutiveFailures: 1 } }),
  ];
  const proxy = await staticProxy(t, { resources });
  const stalled = await rawClient(t, proxy.port);
  stalled.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nhalf');
  const answer = await stalled.reply();
  t.equal(answer.status, 408);
  t.equal(answer.header('x-meshlane-reason'), 'body_idle_timeout');
  t.equal((await ask(t, proxy.port, get())).body.toString(), 'fine');
});

t.test('a trace endpoint that is away costs no request anything', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const tracing = { endpoint: 'http://127.0.0.1:9', sampleRatio: 1 };
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { tracing } });
  const caller = await rawClient(t, proxy.port);
  for (let i = 0; i < 500; i++) {
    caller.send(get());
    t.equal((await caller.reply()).status, 200);
  }
});

t.test('requests to a service that speaks what is not carried are refused', async (t) => {
  const proxy = await staticProxy(t, { resources: tcpServiceAt('calls', 'tcp', 9) });
  const answer = await ask(t, proxy.port, get('/', 'calls'));
  t.equal(answer.status, 501);
  t.equal(answer.header('x-meshlane-reason'), 'not_implemented');
});
