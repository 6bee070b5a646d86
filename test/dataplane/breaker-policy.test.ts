import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { instance, policy, service, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

t.test('the breaker opens after failures in a row and answers the fallback', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 500));
  const fallback = { status: 418, contentType: 'application/json', body: '{"tea":true}' };
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { breaker: { consecutiveFailures: 3, openFor: '60s', fallback } }),
    ],
  });
  for (let i = 0; i < 3; i++) t.equal((await ask(t, proxy.port, get())).status, 500);
  t.equal(await proxy.metric('meshlane_breaker_state'), 2);
  const cut = await ask(t, proxy.port, get());
  t.equal(cut.status, 418);
  t.equal(cut.header('content-type'), 'application/json');
  t.equal(cut.header('x-meshlane-reason'), 'breaker_open');
  t.equal(cut.body.toString(), '{"tea":true}');
  t.equal(origin.requests.length, 3, 'nothing is sent while it is open');
});

t.test('a request that began before the breaker opened neither closes it nor sends a second probe', async (t) => {
  const waiting: (() => void)[] = [];
  const origin = await scriptedOrigin(t, async ({ head, connection }) => {
    if (head.startsWith('GET /fail')) return reply('', '', 500);
    if (head.startsWith('GET /download')) {
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha');
      await new Promise<void>((resolve) => waiting.push(resolve));
      return 'lf';
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
    return reply('slow');
  });
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { breaker: { consecutiveFailures: 2, openFor: '200ms', jitter: 0 } }),
    ],
  });
  const download = await rawClient(t, proxy.port);
  download.send(get('/download'));
  await download.until((text) => text.endsWith('ha'));
  for (let i = 0; i < 2; i++) await ask(t, proxy.port, get('/fail'));
  await wait(250);
  const probe = await rawClient(t, proxy.port);
  probe.send(get('/probe'));
  await until(() => waiting.length === 2);
  waiting[0]!();
  t.equal((await download.reply()).body.toString(), 'half');
  t.equal(await proxy.metric('meshlane_breaker_state'), 1, 'still half-open');
  t.equal((await ask(t, proxy.port, get('/second'))).status, 503);
  t.equal(origin.requests.length, 4);
  waiting[1]!();
  t.equal((await probe.reply()).body.toString(), 'slow');
  t.equal(await proxy.metric('meshlane_breaker_state'), 0);
});

t.test('a probe whose caller leaves is followed by another', async (t) => {
  let isUp = false;
  const origin = await scriptedOrigin(t, ({ head }) =>
    head.startsWith('GET /hang') ? undefined : isUp ? reply('up') : reply('', '', 500),
  );
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { breaker: { consecutiveFailures: 1, openFor: '100ms', jitter: 0 } }),
    ],
  });
  await ask(t, proxy.port, get());
  await wait(150);
  const probe = await rawClient(t, proxy.port);
  probe.send(get('/hang'));
  await until(() => origin.requests.length === 2);
  isUp = true;
  probe.reset();
  await until(async () => (await ask(t, proxy.port, get())).status === 200, { timeoutMs: 2000 });
});

t.test('an instance that fails its health check gets nothing until it passes again', async (t) => {
  let isWell = true;
  const check = createServer((request, response) => {
    if (request.url === '/healthz') response.writeHead(isWell ? 200 : 503).end();
    else response.end('checked');
  }).listen(0, '127.0.0.1');
  await once(check, 'listening');
  t.teardown(() => check.closeAllConnections());
  t.teardown(() => check.close());
  const other = await scriptedOrigin(t, () => reply('other'));
  const proxy = await staticProxy(t, {
    resources: [
      service('app'),
      instance('a', 'app', (check.address() as AddressInfo).port, {
        healthCheck: { interval: '30ms', timeout: '500ms', unhealthyThreshold: 2, healthyThreshold: 2 },
      }),
      instance('b', 'app', other.port),
      policy('app', { loadBalancer: { policy: 'round-robin' } }),
    ],
  });
  const answers = async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 6; i++) seen.add((await ask(t, proxy.port, get())).body.toString());
    return [...seen].sort().join();
  };
  t.equal(await answers(), 'checked,other');
  isWell = false;
  await until(async () => (await answers()) === 'other');
  t.equal(await answers(), 'other');
  isWell = true;
  await until(async () => (await answers()) === 'checked,other');
});
