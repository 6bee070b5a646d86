import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';
import { runningWorkers } from './harness/worker-pool.ts';

/** A rule of this name for `/name`, which cuts itself off after two failures. */
const ruleFor = (name: string, breaker: object = {}, more: object = {}) => ({
  name,
  matches: [{ path: { value: `/${name}` } }],
  backends: [{ service: 'app' }],
  retry: { attempts: 0 },
  breaker: { consecutiveFailures: 2, openFor: '60s', jitter: 0, ...breaker },
  ...more,
});

t.test('a rule is cut off by itself, and recovers with one probe', async (t) => {
  let isFine = false;
  const origin = await scriptedOrigin(t, ({ head }) =>
    head.startsWith('GET /search') && !isFine ? reply('', '', 500) : reply('fine'),
  );
  const fallback = { status: 200, contentType: 'application/json', body: '[]' };
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      route('shop', [ruleFor('search', { openFor: '1s', fallback }), ruleFor('cart')]),
    ],
  });
  for (let i = 0; i < 2; i++) t.equal((await ask(t, proxy.port, get('/search'))).status, 500);
  const cut = await ask(t, proxy.port, get('/search'));
  t.equal(cut.status, 200);
  t.equal(cut.body.toString(), '[]');
  t.equal(cut.header('x-meshlane-reason'), 'breaker_open');
  t.equal(origin.requests.length, 2);
  t.equal((await ask(t, proxy.port, get('/cart'))).body.toString(), 'fine', 'other rules go on');
  const state = () => proxy.metric('meshlane_breaker_state', { rule: 'shop/search' });
  t.equal(await state(), 2);
  await until(async () => (await ask(t, proxy.port, get('/search'))).status === 500, { what: 'a probe' });
  t.equal(await state(), 2);
  isFine = true;
  const before = origin.requests.length;
  await until(async () => (await ask(t, proxy.port, get('/search'))).body.toString() === 'fine');
  t.equal(origin.requests.length, before + 1, 'the probe and no other');
  t.equal(await state(), 0);
  const moves = (to: string, cause: string) =>
    proxy.metric('meshlane_breaker_transitions_total', { rule: 'shop/search', to, cause });
  t.equal(await moves('open', 'consecutive_failures'), 1);
  t.equal(await moves('half-open', 'timeout'), 2);
  t.equal(await moves('open', 'probe_failed'), 1);
  t.equal(await moves('closed', 'probe_passed'), 1);
  t.equal(await proxy.metric('meshlane_breaker_transitions_total'), 5);
});

t.test('a rule goes by what its callers get: a failure that another try makes up for is none', async (t) => {
  const bad = await scriptedOrigin(t, () => reply('', '', 503));
  const good = await scriptedOrigin(t, () => reply('good'));
  const retry = { attempts: 1 };
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', bad.port, good.port),
      policy('app', { loadBalancer: { policy: 'round-robin' } }),
      route('shop', [ruleFor('search', { consecutiveFailures: 1 }, { retry })]),
    ],
  });
  for (let i = 0; i < 10; i++) t.equal((await ask(t, proxy.port, get('/search'))).body.toString(), 'good');
  t.ok(bad.requests.length >= 3);
  t.equal(await proxy.metric('meshlane_breaker_transitions_total'), 0);
  await good.stop();
  t.equal((await ask(t, proxy.port, get('/search'))).status, 503);
  t.equal((await ask(t, proxy.port, get('/search'))).header('x-meshlane-reason'), 'breaker_open');
});

t.test('an instance that cannot be reached counts as a failure of the rule', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('up'));
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', origin.port), route('shop', [ruleFor('search')])],
  });
  await origin.stop();
  for (let i = 0; i < 2; i++)
    t.equal((await ask(t, proxy.port, get('/search'))).header('x-meshlane-reason'), 'upstream_connect');
  t.equal((await ask(t, proxy.port, get('/search'))).header('x-meshlane-reason'), 'breaker_open');
});

t.test('a breaker stays open while its rule keeps its name, whatever else changes', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 500));
  const rule = (breaker: object) => ruleFor('search', breaker);
  const workers = await runningWorkers(t, [...serviceAt('app', origin.port), route('shop', [rule({})])]);
  for (let i = 0; i < 2; i++) t.equal((await ask(t, workers.port, get('/search'))).status, 500);
  t.equal((await ask(t, workers.port, get('/search'))).status, 503);
  const other = { status: 418 };
  await workers.configure([
    ...serviceAt('other', origin.port),
    route('shop', [ruleFor('cart'), rule({ consecutiveFailures: 9, fallback: other })]),
  ]);
  t.equal((await ask(t, workers.port, get('/search'))).status, 418, 'still open, and answers as told now');
  t.equal(origin.requests.length, 2);
  await workers.configure([route('shop', [{ ...rule({}), name: 'renamed' }])]);
  t.equal((await ask(t, workers.port, get('/search'))).status, 500, 'under another name it is another rule');
});

t.test('another service takes the requests of a rule that is cut off', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 500));
  const cache = await scriptedOrigin(t, ({ index }) => (index === 0 ? reply('', '', 503) : reply('from the cache')));
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      ...serviceAt('cache', cache.port),
      policy('cache', { retry: { attempts: 1 } }),
      route('shop', [ruleFor('search', { fallback: { service: 'cache' } })]),
    ],
  });
  for (let i = 0; i < 2; i++) t.equal((await ask(t, proxy.port, get('/search'))).status, 500);
  for (let i = 0; i < 3; i++) t.equal((await ask(t, proxy.port, get('/search'))).body.toString(), 'from the cache');
  t.equal(cache.requests.length, 4, 'it is tried again as its own policy says');
  t.equal(origin.requests.length, 2);
  t.equal(await proxy.metric('meshlane_fallbacks_total', { service: 'app', route: 'shop', to: 'cache' }), 3);
  t.equal(await proxy.metric('meshlane_requests_total', { service: 'app', code: '200' }), 3);
});
