import t from 'tap';
import { freePort } from '../harness/free-port.ts';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

const post = (body = 'body', fields = '') =>
  `POST /p HTTP/1.1\r\nHost: app\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const roundRobin = { loadBalancer: { policy: 'round-robin' } };

t.test('a connection that fails is tried again elsewhere, whatever the method', async (t) => {
  const origin = await scriptedOrigin(t, ({ body }) => reply(`got ${body}`));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', await freePort(), origin.port), policy('app', roundRobin)],
  });
  for (let i = 0; i < 6; i++) t.equal((await ask(t, proxy.port, post(`${i}`))).body.toString(), `got ${i}`);
  t.ok((await proxy.metric('meshlane_retries_total', { cause: 'upstream_connect' })) >= 1);
});

t.test('when no connection can be made anywhere the reply is 503 upstream_connect', async (t) => {
  const proxy = await staticProxy(t, { resources: serviceAt('app', await freePort()) });
  const got = await ask(t, proxy.port, post());
  t.equal(got.status, 503);
  t.equal(got.header('x-meshlane-reason'), 'upstream_connect');
  t.equal(await proxy.metric('meshlane_retries_total'), 2);
});

t.test('a POST that was sent is not sent again after a reset; a GET is, to another instance', async (t) => {
  const bad = await scriptedOrigin(t, ({ connection }) => {
    connection.socket.resetAndDestroy();
    return undefined;
  });
  const good = await scriptedOrigin(t, () => reply('good'));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', bad.port, good.port), policy('app', roundRobin)],
  });
  let refused = 0;
  for (let i = 0; i < 4; i++) {
    const got = await ask(t, proxy.port, post());
    if (got.status === 200) continue;
    refused++;
    t.equal(got.status, 502);
    t.equal(got.header('x-meshlane-reason'), 'upstream_reset');
  }
  t.equal(refused, 2);
  t.equal(bad.requests.length, 2, 'each POST reached an instance once');
  for (let i = 0; i < 4; i++) t.equal((await ask(t, proxy.port, get())).body.toString(), 'good');
});

t.test('502, 503 and 504 are tried again for a GET, not for a POST, and 500 never', async (t) => {
  const origin = await scriptedOrigin(t, ({ head, index }) => {
    const status = Number(/\d{3}/.exec(head)?.[0] ?? 200);
    return reply('x', '', index % 2 === 0 ? status : 200);
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  for (const status of [502, 503, 504]) t.equal((await ask(t, proxy.port, get(`/${status}`))).status, 200);
  t.equal((await ask(t, proxy.port, get('/500'))).status, 500);
  await ask(t, proxy.port, get('/500'));
  t.equal((await ask(t, proxy.port, post().replace('/p', '/503'))).status, 503);
  t.equal(origin.requests.length, 9);
  t.equal(await proxy.metric('meshlane_retries_total'), 3);
});

t.test('a body is sent again byte for byte, and one that is too long is not', async (t) => {
  const origin = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('', '', 503) : reply('ok')));
  const proxy = await staticProxy(t, {
    resources: serviceAt('app', origin.port),
    spec: { limits: { replayBytes: 20_000 } },
  });
  const body = 'abcdefghij'.repeat(2000);
  t.equal((await ask(t, proxy.port, post(body).replace('POST', 'PUT'))).status, 200);
  t.equal(origin.requests.length, 2);
  t.ok(origin.requests[0]!.body === body && origin.requests[1]!.body === body, 'the same both times');
  const chunked =
    'PUT / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nSum: 5\r\n\r\n';
  const again = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('', '', 503) : reply('ok')));
  const second = await staticProxy(t, {
    resources: serviceAt('app', again.port),
    spec: { limits: { replayBytes: 4 } },
  });
  const got = await ask(t, second.port, chunked);
  t.equal(got.status, 503, 'longer than what may be kept');
  t.equal(again.requests.length, 1);
  const third = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('', '', 503) : reply('ok')));
  const proxyOfThird = await staticProxy(t, { resources: serviceAt('app', third.port) });
  t.equal((await ask(t, proxyOfThird.port, chunked)).status, 200);
  t.equal(third.requests[0]!.body, 'abcde');
  t.equal(third.requests[1]!.body, 'abcde');
  t.match(third.requests[1]!.rawBody, /0\r\nSum: 5\r\n\r\n$/, 'trailers, too');
});

t.test('trailers that came after their head are sent again as they came', async (t) => {
  const origin = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('', '', 503) : reply('ok')));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send('PUT / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await until(() => origin.connections[0]?.received.includes('abc'), { what: 'the first piece' });
  client.send('0\r\nSum: 3\r\n\r\n');
  t.equal((await client.reply()).status, 200);
  for (const { rawBody } of origin.requests) t.match(rawBody, /0\r\nSum: 3\r\n\r\n$/);
});

t.test('the budget bounds retries', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 503));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { retry: { attempts: 1, backoff: '1ms', budget: { percent: 20, minPerSecond: 0 } } }),
    ],
  });
  const client = await rawClient(t, proxy.port);
  for (let i = 0; i < 100; i++) {
    client.send(get());
    t.equal((await client.reply()).status, 503);
  }
  t.equal(await proxy.metric('meshlane_retries_total'), 20);
  t.equal(origin.requests.length, 120);
  t.equal(await proxy.metric('meshlane_retry_budget_exhausted_total'), 80);
});

t.test('a try that takes too long is tried again, and then 504', async (t) => {
  const slow = await scriptedOrigin(t, () => undefined);
  const fast = await scriptedOrigin(t, () => reply('fast'));
  const both = await staticProxy(t, {
    resources: [
      ...serviceAt('app', slow.port, fast.port),
      policy('app', { ...roundRobin, timeouts: { perTry: '100ms' } }),
    ],
  });
  for (let i = 0; i < 4; i++) t.equal((await ask(t, both.port, get())).body.toString(), 'fast');
  const alone = await staticProxy(t, {
    resources: [
      ...serviceAt('app', slow.port),
      policy('app', { timeouts: { perTry: '100ms' }, retry: { attempts: 2, backoff: '100ms', maxBackoff: '200ms' } }),
    ],
  });
  const got = await ask(t, alone.port, get());
  t.equal(got.status, 504);
  t.equal(got.header('x-meshlane-reason'), 'upstream_timeout');
  t.equal(await alone.metric('meshlane_retries_total'), 2, 'exactly the two that were allowed');
  t.equal((await ask(t, alone.port, post())).status, 504);
  t.equal(await alone.metric('meshlane_retries_total'), 2, 'a POST may have been executed');
  await until(() => slow.connections.every(({ isClosed }) => isClosed), {
    what: 'the end of the given up connections',
  });
});

t.test('the request timeout ends everything, retries included', async (t) => {
  const origin = await scriptedOrigin(t, async ({ head, connection }) => {
    if (!head.includes('/begun')) return undefined;
    connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin');
    return undefined;
  });
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      route('r', [
        {
          timeouts: { request: '250ms', backendRequest: '100ms' },
          retry: { attempts: 10 },
          backends: [{ service: 'app' }],
        },
      ]),
    ],
  });
  const startMs = performance.now();
  const got = await ask(t, proxy.port, get());
  const tookMs = performance.now() - startMs;
  t.equal(got.status, 504);
  t.ok(tookMs < 600, `${tookMs} ms`);
  const begun = await rawClient(t, proxy.port);
  begun.send(get('/begun'));
  await begun.closed();
  await until(() => begun.wasReset, { what: 'a begun reply to be broken off' });
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a 503 of the next sidecar that says nothing was reached is tried again, even a POST', async (t) => {
  const bad = await scriptedOrigin(t, () => reply('no', 'x-meshlane-reason: upstream_connect\r\n', 503));
  const good = await scriptedOrigin(t, ({ body }) => reply(body));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', bad.port, good.port), policy('app', roundRobin)],
  });
  for (let i = 0; i < 4; i++) t.equal((await ask(t, proxy.port, post(`p${i}`))).body.toString(), `p${i}`);
  t.ok((await proxy.metric('meshlane_retries_total', { cause: 'upstream_connect' })) >= 1);
});

t.test(
  'the reason that an application puts into its replies is taken out where the sidecar is the application’s own',
  async (t) => {
    const app = await scriptedOrigin(t, () => reply('no', 'x-meshlane-reason: upstream_connect\r\nA: b\r\n', 503));
    const proxy = await staticProxy(t, { appPort: app.port });
    const got = await ask(t, proxy.inboundPort, post());
    t.equal(got.status, 503);
    t.equal(got.header('x-meshlane-reason'), undefined);
    t.equal(got.header('a'), 'b');
    await app.stop();
    const down = await ask(t, proxy.inboundPort, post());
    t.equal(down.status, 503);
    t.equal(down.header('x-meshlane-reason'), 'upstream_connect');
  },
);

t.test('the pause before a retry is kept although the failed try had its own deadline', async (t) => {
  let count = 0;
  const origin = await scriptedOrigin(t, () => (++count < 3 ? undefined : reply('third')));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', {
        timeouts: { perTry: '200ms' },
        retry: { attempts: 2, backoff: '800ms', maxBackoff: '1600ms' },
      }),
    ],
  });
  t.equal((await ask(t, proxy.port, get())).body.toString(), 'third');
  t.equal(origin.requests.length, 3);
  t.equal(await proxy.metric('meshlane_retries_total'), 2);
});
