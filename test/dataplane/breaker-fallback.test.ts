import t from 'tap';
import { ask, get } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

const breaker = { consecutiveFailures: 1, openFor: '60s' };
const retry = { attempts: 0 };

t.test('another service stands in while all instances are cut off, and nobody for it in turn', async (t) => {
  let isFine = true;
  const origin = await scriptedOrigin(t, () => reply('', '', 500));
  const second = await scriptedOrigin(t, () => (isFine ? reply('second') : reply('', '', 500)));
  const third = await scriptedOrigin(t, () => reply('third'));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      ...serviceAt('second', second.port),
      ...serviceAt('third', third.port),
      policy('app', { retry, breaker: { ...breaker, fallback: { service: 'second' } } }),
      policy('second', { retry, breaker: { ...breaker, fallback: { service: 'third' } } }),
    ],
  });
  t.equal((await ask(t, proxy.port, get())).status, 500);
  t.equal((await ask(t, proxy.port, get())).body.toString(), 'second');
  isFine = false;
  t.equal((await ask(t, proxy.port, get())).status, 500);
  const cut = await ask(t, proxy.port, get());
  t.equal(cut.status, 503);
  t.equal(cut.header('x-meshlane-reason'), 'breaker_open');
  t.equal(third.requests.length, 0);
  t.equal((await ask(t, proxy.port, get('/', 'second'))).body.toString(), 'third', 'who asks for it by name goes on');
  t.equal(await proxy.metric('meshlane_fallbacks_total', { service: 'app', to: 'second' }), 3);
  t.equal(await proxy.metric('meshlane_fallbacks_total', { service: 'second', to: 'third' }), 1);
});

t.test('a try that opened the breaker is followed by one at the service that stands in, body and all', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 503));
  const second = await scriptedOrigin(t, ({ body }) => reply(`got ${body}`));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      ...serviceAt('second', second.port),
      policy('app', { breaker: { ...breaker, fallback: { service: 'second' } } }),
    ],
  });
  const put = 'PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nbody';
  t.equal((await ask(t, proxy.port, put)).body.toString(), 'got body');
  t.equal(origin.requests.length, 1);
});

t.test('two services that stand in for each other end with the second', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 500));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('a', origin.port),
      ...serviceAt('b', origin.port),
      policy('a', { retry, breaker: { ...breaker, fallback: { service: 'b' } } }),
      policy('b', { retry, breaker: { ...breaker, fallback: { service: 'a' } } }),
    ],
  });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await ask(t, proxy.port, get('/', 'a'))).status);
  t.same(statuses, [500, 500, 503, 503]);
});
