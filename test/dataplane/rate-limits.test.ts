import { connect } from 'node:net';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { ask, get, RawClient } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { reply, type ScriptedOrigin, scriptedOrigin } from './harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';
import { runningWorkers } from './harness/worker-pool.ts';
import { callerOf, type Protocol } from './http2/calling.ts';

const twoWorkers = { workers: 2 };

/** A proxy of two workers whose one rule has these limits. */
async function limited(
  t: Owner,
  ...rateLimits: readonly object[]
): Promise<{ proxy: StaticProxy; origin: ScriptedOrigin }> {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rules = [{ name: 'all', backends: [{ service: 'app' }], rateLimits }];
  const resources = [...serviceAt('app', origin.port), route('shop', rules)];
  return { proxy: await staticProxy(t, { resources, spec: twoWorkers }), origin };
}

/** Statuses of GETs, each on a connection of its own, so that both workers are asked. */
async function statuses(t: Owner, port: number, fieldsOfEach: readonly string[]): Promise<number[]> {
  const all: number[] = [];
  for (const fields of fieldsOfEach) all.push((await ask(t, port, get('/', 'app', fields))).status);
  return all;
}

const times = (count: number, fields = '') => Array.from({ length: count }, () => fields);

for (const protocol of ['http1', 'http2'] as const satisfies Protocol[])
  t.test(`a request above the limit of its rule is told when to come again, over ${protocol}`, async (t) => {
    const { proxy, origin } = await limited(t, { name: 'few', requests: 3, per: '1h' });
    const call = callerOf(t, protocol, proxy.port);
    for (let i = 0; i < 3; i++) t.equal((await call({})).status, 200);
    const { status, fields, body } = await call({ method: 'POST', body: Buffer.from('more') });
    t.equal(status, 429);
    t.match(fields, {
      'x-meshlane-reason': 'rate_limited',
      'retry-after': '1200',
      'ratelimit-policy': '"few";q=3;w=3600',
      ratelimit: '"few";r=0;t=1200',
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '1200',
    });
    t.equal(fields['grpc-retry-pushback-ms'], undefined);
    t.equal(body.toString(), 'There were more requests than a rate limit allows. (few)\n');
    t.equal((await call({})).status, 429, 'the next one, too');
    t.equal(origin.requests.length, 3);
    const labels = { direction: 'outbound', service: '', route: 'shop', limit: 'few', shadow: 'false' };
    t.equal(await proxy.metric('meshlane_rate_limited_total', labels), 2);
    t.equal(await proxy.metric('meshlane_requests_total', { service: 'app', route: 'shop', code: '429' }), 2);
    t.equal(await proxy.metric('meshlane_local_replies_total', { reason: 'rate_limited' }), 2);
  });

t.test('a burst is what passes at once, whatever the rate', async (t) => {
  const { proxy } = await limited(t, { name: 'few', requests: 60, per: '1h', burst: 2 });
  t.strictSame(await statuses(t, proxy.port, times(3)), [200, 200, 429]);
  t.equal((await ask(t, proxy.port, get())).header('retry-after'), '60');
});

t.test('each value of a field has a bucket; requests without it share one', async (t) => {
  const { proxy } = await limited(t, { name: 'per-key', requests: 2, per: '1h', key: { header: 'X-Api-Key' } });
  const [ada, bob] = ['x-api-key: ada\r\n', 'X-API-KEY: bob\r\n'];
  t.strictSame(await statuses(t, proxy.port, [ada, ada, ada, bob, bob, bob, ada]), [200, 200, 429, 200, 200, 429, 429]);
  t.strictSame(await statuses(t, proxy.port, ['', 'x-other: 1\r\n', 'x-other: 2\r\n']), [200, 200, 429]);
});

/** A caller from another address of this machine. */
async function callerAt(t: Owner, localAddress: string, port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, localAddress, noDelay: true });
  t.teardown(() => socket.destroy());
  return new RawClient(socket);
}

t.test('each caller has a bucket, on whatever connections it comes', async (t) => {
  const { proxy } = await limited(t, { name: 'per-caller', requests: 2, per: '1h', key: { caller: true } });
  for (const address of ['127.0.0.2', '127.0.0.3'])
    for (const status of [200, 200, 429]) {
      const client = await callerAt(t, address, proxy.port);
      client.send(get('/', 'app', 'X-Forwarded-For: 192.0.2.9\r\n'));
      t.equal((await client.reply()).status, status, address);
    }
});

t.test('whom a trusted proxy names is the caller', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rateLimits = [{ name: 'per-caller', requests: 1, per: '1h', key: { caller: true } }];
  const resources = [...serviceAt('app', origin.port), route('shop', [{ backends: [{ service: 'app' }], rateLimits }])];
  const forwarding = { trusted: ['127.0.0.1'], application: [] };
  const proxy = await staticProxy(t, { resources, spec: { listeners: [{ name: 'out', port: 0, forwarding }] } });
  const from = (chain: string) => `X-Forwarded-For: ${chain}\r\n`;
  t.strictSame(
    await statuses(t, proxy.port, [from('192.0.2.1'), from('192.0.2.2'), from('192.0.2.3, 192.0.2.1'), '', '']),
    [200, 200, 429, 200, 429],
  );
});

t.test('a limit in the shadow counts what it would refuse', async (t) => {
  const shadow = { name: 'trial', requests: 1, per: '1h', shadow: true };
  const { proxy, origin } = await limited(t, shadow, { name: 'real', requests: 3, per: '1h' });
  t.strictSame(await statuses(t, proxy.port, times(4)), [200, 200, 200, 429]);
  t.equal(origin.requests.length, 3);
  t.equal(await proxy.metric('meshlane_rate_limited_total', { limit: 'trial', shadow: 'true' }), 3);
  t.equal(await proxy.metric('meshlane_rate_limited_total', { limit: 'real', shadow: 'false' }), 1);
});

t.test('limits are asked in their order, and the first that refuses answers', async (t) => {
  const { proxy } = await limited(
    t,
    { name: 'wide', requests: 3, per: '1h' },
    { name: 'narrow', requests: 1, per: '1h', key: { header: 'x-user' } },
  );
  const users = ['x-user: 1\r\n', 'x-user: 1\r\n', 'x-user: 2\r\n', 'x-user: 3\r\n'];
  const policies = [];
  for (const fields of users) policies.push((await ask(t, proxy.port, get('/', 'app', fields))).header('ratelimit'));
  t.strictSame(policies, [undefined, '"narrow";r=0;t=3600', undefined, '"wide";r=0;t=1200']);
});

t.test('the limits of a policy hold where the service is served, for all its callers', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const resources = [
    ...serviceAt('app', origin.port),
    policy('app', { rateLimits: [{ name: 'own', requests: 2, per: '1h' }] }),
  ];
  const proxy = await staticProxy(t, { resources, appPort: origin.port, spec: twoWorkers });
  t.strictSame(await statuses(t, proxy.port, times(4)), [200, 200, 200, 200], 'not where it is called');
  t.strictSame(await statuses(t, proxy.inboundPort, times(3)), [200, 200, 429]);
  const labels = { direction: 'inbound', service: 'app', route: '(inbound)', limit: 'own' };
  t.equal(await proxy.metric('meshlane_rate_limited_total', labels), 1);
});

t.test('what the next proxy refuses is passed on as it says it, and not tried again', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const rateLimits = [{ name: 'own', requests: 1, per: '1h' }];
  const inner = await staticProxy(t, {
    resources: [...serviceAt('app'), policy('app', { rateLimits })],
    appPort: origin.port,
  });
  const outer = await staticProxy(t, { resources: serviceAt('app', inner.inboundPort) });
  t.equal((await ask(t, outer.port, get())).status, 200);
  const refused = await ask(t, outer.port, get());
  t.equal(refused.status, 429);
  t.equal(refused.header('ratelimit'), '"own";r=0;t=3600');
  t.equal(await inner.metric('meshlane_rate_limited_total'), 1);
});

t.test('a change of configuration resets no limit that stays as it is', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const shop = (requests: number, more: object = {}) =>
    route('shop', [{ backends: [{ service: 'app' }], rateLimits: [{ name: 'few', requests, per: '1h', ...more }] }]);
  const workers = await runningWorkers(t, [...serviceAt('app', origin.port), shop(2)], 2);
  t.strictSame(await statuses(t, workers.port, times(3)), [200, 200, 429]);
  await workers.configure([...serviceAt('other', origin.port), shop(2)]);
  t.strictSame(await statuses(t, workers.port, times(2)), [429, 429]);
  await workers.configure([shop(2, { shadow: true })]);
  t.strictSame(await statuses(t, workers.port, times(2)), [200, 200], 'it goes on in the shadow');
  await workers.configure([shop(2)]);
  t.strictSame(await statuses(t, workers.port, times(1)), [429], 'and out of it');
  await workers.configure([shop(4)]);
  t.strictSame(await statuses(t, workers.port, times(5)), [200, 200, 200, 200, 429], 'another limit begins full');
});
