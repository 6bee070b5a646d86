import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';
import { callerOf, originOf, type Protocol, speaking } from './http2/calling.ts';

for (const protocol of ['http1', 'http2'] as Protocol[])
  t.test(
    `no more requests at once than a service may have over ${protocol}, whichever instances they go to`,
    async (t) => {
      const held: (() => void)[] = [];
      const ports = await Promise.all(
        [1, 2].map(() => originOf(t, protocol, (_, answer) => held.push(() => answer.end('done')))),
      );
      const proxy = await staticProxy(t, {
        resources: [...speaking(protocol, ...ports), policy('app', { limits: { requests: 3 } })],
      });
      const call = callerOf(t, protocol, proxy.port);
      const first = Array.from({ length: 3 }, () => call({}));
      await until(() => held.length === 3);
      const refused = await call({});
      t.equal(refused.status, 503);
      t.equal(refused.fields['x-meshlane-reason'], 'overloaded');
      t.equal(await proxy.metric('meshlane_limit_exceeded_total', { service: 'app', limit: 'requests' }), 1);
      held.shift()!();
      await Promise.race(first);
      const next = call({});
      await until(() => held.length === 3, { what: 'room for another one' });
      for (const end of held) end();
      t.same(
        (await Promise.all([...first, next])).map(({ status }) => status),
        [200, 200, 200, 200],
      );
    },
  );

t.test('what a service may have under way is asked of its callers, not of its own proxy', async (t) => {
  const origin = await scriptedOrigin(t, ({ head }) => (head.startsWith('GET /held') ? undefined : reply('answered')));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { limits: { requests: 1 } })],
    appPort: origin.port,
  });
  const client = await rawClient(t, proxy.port);
  client.send(get('/held'));
  await until(() => origin.requests.length === 1);
  t.equal((await ask(t, proxy.port, get())).status, 503);
  t.equal((await ask(t, proxy.inboundPort, get())).body.toString(), 'answered');
});

t.test('requests that are being tried again are bounded, until their replies begin', async (t) => {
  const waiting = new Map<string, () => void>();
  const origin = await scriptedOrigin(t, async ({ head, connection }) => {
    const path = head.split(' ')[1]!;
    const isFirst = origin.requests.filter((request) => request.head.startsWith(`GET ${path} `)).length === 1;
    if (isFirst) return reply('', '', 503);
    await new Promise<void>((resolve) => waiting.set(path, resolve));
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegu');
    return undefined;
  });
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { limits: { retries: 1 }, retry: { attempts: 1 } })],
  });
  const first = await rawClient(t, proxy.port);
  first.send(get('/first'));
  await until(() => waiting.has('/first'));
  t.equal((await ask(t, proxy.port, get('/second'))).status, 503, 'as its first try ended');
  t.equal(await proxy.metric('meshlane_limit_exceeded_total', { service: 'app', limit: 'retries' }), 1);
  waiting.get('/first')!();
  await first.until((text) => text.endsWith('begu'));
  const third = await rawClient(t, proxy.port);
  third.send(get('/third'));
  await until(() => waiting.has('/third'), { what: 'a retry beside the reply that has begun' });
});

t.test('a caller that leaves in the pause before a retry makes room', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 503));
  const retry = { attempts: 3, backoff: '60s', maxBackoff: '60s' };
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { limits: { retries: 1 }, retry })],
  });
  for (let i = 0; i < 3; i++) {
    const client = await rawClient(t, proxy.port);
    client.send(get());
    await until(() => origin.requests.length === 2 * (i + 1), { what: `the retry of caller ${i}` });
    client.reset();
    await until(async () => (await proxy.metric('meshlane_requests_total', { code: '499' })) === i + 1);
  }
  t.equal(await proxy.metric('meshlane_limit_exceeded_total'), 0);
});

t.test('connections and those who wait for one are counted at their bounds as well', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined);
  const connections = { max: 1, maxPending: 0 };
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), policy('app', { connections, retry: { attempts: 0 } })],
    spec: { listeners: [{ name: 'out', port: 0, direction: 'outbound', connect: true }] },
  });
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await until(() => origin.requests.length === 1);
  t.equal((await ask(t, proxy.port, get())).header('x-meshlane-reason'), 'overloaded');
  t.equal(await proxy.metric('meshlane_limit_exceeded_total', { service: 'app', limit: 'pending' }), 1);
  const connect = `CONNECT app:${origin.port} HTTP/1.1\r\nHost: app:${origin.port}\r\n\r\n`;
  t.equal((await ask(t, proxy.port, connect)).status, 503);
  t.equal(await proxy.metric('meshlane_limit_exceeded_total', { service: 'app', limit: 'connections' }), 1);
});
