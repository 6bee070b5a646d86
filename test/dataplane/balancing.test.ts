import t from 'tap';
import { until } from '../harness/until.ts';
import { ask, get } from './harness/raw-client.ts';
import { instance, policy, service } from './harness/resources.ts';
import { reply, type ScriptedOrigin, scriptedOrigin } from './harness/scripted-origin.ts';
import { type StaticProxy, type StaticProxyOptions, staticProxy } from './harness/static-proxy.ts';

/** Balancing through a whole proxy: what policies, labels and weights ask for is what requests meet. */

type Origins = { readonly origins: readonly ScriptedOrigin[]; readonly proxy: StaticProxy };

async function proxyTo(
  t: Parameters<typeof staticProxy>[0],
  count: number,
  sections: object,
  {
    traits = () => ({}),
    status = () => 200,
    ...options
  }: StaticProxyOptions & {
    traits?: (place: number) => Parameters<typeof instance>[3];
    status?: (place: number) => number;
  } = {},
): Promise<Origins> {
  const origins = await Promise.all(
    Array.from({ length: count }, (_, place) => scriptedOrigin(t, () => reply(String(place), '', status(place)))),
  );
  const instances = origins.map(({ port }, place) => instance(`app-${place}`, 'app', port, traits(place)));
  const proxy = await staticProxy(t, {
    ...options,
    resources: [service('app'), ...instances, policy('app', sections)],
  });
  return { origins, proxy };
}

/** Which instances answer so many requests. */
async function answers(t: Parameters<typeof staticProxy>[0], { proxy }: Origins, count: number, more?: string) {
  const seen: string[] = [];
  for (let i = 0; i < count; i++) seen.push((await ask(t, proxy.port, get('/', 'app', more))).body.toString());
  return seen;
}

const noRetry = { retry: { attempts: 0 } };
const countOf = (seen: readonly string[], place: number) => seen.filter((one) => one === String(place)).length;

t.test('weights of instances are their shares', async (t) => {
  const weights = { loadBalancer: { policy: 'round-robin' } };
  const mesh = await proxyTo(t, 3, weights, { traits: (place) => ({ weight: place + 1 }) });
  const seen = await answers(t, mesh, 60);
  for (const place of [0, 1, 2]) t.ok(Math.abs(countOf(seen, place) - 10 * (place + 1)) <= 1, `${seen}`);
});

for (const loadBalancer of [
  { policy: 'ring-hash', hashOn: { header: 'x-user' } },
  { policy: 'maglev', hashOn: { cookie: 'user' }, tableSize: 1009 },
])
  t.test(
    `${loadBalancer.policy}: a key keeps to its instance, and goes to another one while that is away`,
    async (t) => {
      const down = new Set<number>();
      const mesh = await proxyTo(
        t,
        4,
        {
          loadBalancer,
          outlierDetection: { consecutive5xx: 2, baseEjectionTime: '1s', interval: '50ms' },
          ...noRetry,
        },
        { status: (place) => (down.has(place) ? 500 : 200) },
      );
      const field = (user: number) =>
        'header' in loadBalancer.hashOn ? `X-User: ${user}\r\n` : `Cookie: a=b; user=${user}\r\n`;
      const homes = async () => {
        const seen: string[] = [];
        for (let user = 0; user < 12; user++) {
          const [first, second] = await answers(t, mesh, 2, field(user));
          t.equal(first, second, `user ${user}`);
          seen.push(first!);
        }
        return seen;
      };
      const before = await homes();
      t.ok(new Set(before).size > 1);
      const away = Number(before[0]);
      down.add(away);
      await answers(t, mesh, 2, field(0));
      t.equal(await mesh.proxy.metric('meshlane_endpoints_ejected'), 1);
      const [heir] = await answers(t, mesh, 1, field(0));
      t.not(heir, String(away));
      down.clear();
      await until(async () => (await mesh.proxy.metric('meshlane_endpoints_ejected')) === 0);
      t.same(await homes(), before, 'all are at home again');
      t.ok(new Set(await answers(t, mesh, 30)).size > 1, 'without a key they go anywhere');
    },
  );

t.test('a key may be the path', async (t) => {
  const mesh = await proxyTo(t, 4, { loadBalancer: { policy: 'maglev', hashOn: { path: true }, tableSize: 1009 } });
  const at = async (path: string) => (await ask(t, mesh.proxy.port, get(path))).body.toString();
  const homes = await Promise.all(Array.from({ length: 12 }, (_, i) => at(`/item/${i}`)));
  t.ok(new Set(homes).size > 1);
  for (const [i, home] of homes.entries()) t.equal(await at(`/item/${i}?again`), home);
});

t.test('an instance that fails in a row is ejected, counted, and comes back after its time', async (t) => {
  let isWell = false;
  const mesh = await proxyTo(
    t,
    3,
    {
      loadBalancer: { policy: 'round-robin' },
      outlierDetection: { consecutive5xx: 3, interval: '50ms', baseEjectionTime: '1s' },
      ...noRetry,
    },
    { status: (place) => (place === 1 && !isWell ? 500 : 200) },
  );
  const { proxy } = mesh;
  t.equal(countOf(await answers(t, mesh, 9), 1), 3);
  t.equal(await proxy.metric('meshlane_endpoints_ejected', { service: 'app' }), 1);
  t.equal(await proxy.metric('meshlane_outlier_ejections_total', { service: 'app', reason: 'consecutive_5xx' }), 1);
  t.equal(countOf(await answers(t, mesh, 6), 1), 0, 'it gets nothing');
  isWell = true;
  await until(async () => (await proxy.metric('meshlane_endpoints_ejected')) === 0);
  t.ok(countOf(await answers(t, mesh, 6), 1) > 0);
});

t.test('502, 503 and 504 that are tried again count as what they are', async (t) => {
  const mesh = await proxyTo(
    t,
    2,
    {
      loadBalancer: { policy: 'round-robin' },
      outlierDetection: {
        consecutive5xx: 0,
        consecutiveGatewayErrors: 2,
        splitLocalOriginErrors: true,
        enforcing: { consecutiveGatewayErrors: 100 },
      },
    },
    { status: (place) => (place === 0 ? 503 : 200) },
  );
  t.same(new Set(await answers(t, mesh, 8)), new Set(['1']));
  const ejections = { reason: 'consecutive_gateway_errors' };
  t.equal(await mesh.proxy.metric('meshlane_outlier_ejections_total', ejections), 1);
});

t.test('what is not enforced is only counted', async (t) => {
  const mesh = await proxyTo(
    t,
    2,
    {
      loadBalancer: { policy: 'round-robin' },
      outlierDetection: { consecutive5xx: 1, enforcing: { consecutive5xx: 0 } },
      ...noRetry,
    },
    { status: () => 500 },
  );
  await answers(t, mesh, 4);
  t.equal(await mesh.proxy.metric('meshlane_outlier_detections_total', { reason: 'consecutive_5xx' }), 4);
  t.equal(await mesh.proxy.metric('meshlane_endpoints_ejected'), 0);
});

t.test('when too few are well all are used, which is counted', async (t) => {
  const mesh = await proxyTo(
    t,
    3,
    {
      loadBalancer: { policy: 'round-robin' },
      outlierDetection: { consecutive5xx: 2, maxEjectionPercent: 100 },
      ...noRetry,
    },
    { status: (place) => (place < 2 ? 500 : 200) },
  );
  const seen = await answers(t, mesh, 30);
  t.equal(await mesh.proxy.metric('meshlane_endpoints_ejected'), 2);
  t.ok(countOf(seen, 0) >= 8 && countOf(seen, 1) >= 8, 'a third is too little');
  t.ok((await mesh.proxy.metric('meshlane_panic_requests_total', { service: 'app' })) >= 20);
});

t.test('a panic threshold of 0 sends nothing to who is not well', async (t) => {
  const mesh = await proxyTo(
    t,
    2,
    {
      loadBalancer: { policy: 'round-robin', panicThresholdPercent: 0 },
      outlierDetection: { consecutive5xx: 1, maxEjectionPercent: 100 },
      ...noRetry,
    },
    { status: () => 500 },
  );
  await answers(t, mesh, 2);
  const refused = await ask(t, mesh.proxy.port, get());
  t.equal(refused.status, 503);
  t.equal(refused.header('x-meshlane-reason'), 'no_endpoint');
});

t.test('instances in the proxy’s own zone are preferred', async (t) => {
  const zone = (place: number) => ({ labels: { 'topology.kubernetes.io/zone': place < 3 ? 'eu-1a' : 'eu-1b' } });
  const inOwn = async (loadBalancer: object) => {
    const mesh = await proxyTo(t, 6, { loadBalancer }, { traits: zone, spec: { zone: 'eu-1a' } });
    const seen = await answers(t, mesh, 24);
    return seen.filter((place) => Number(place) < 3).length;
  };
  t.equal(await inOwn({ policy: 'round-robin' }), 24);
  t.equal(await inOwn({ policy: 'round-robin', zoneAware: { enabled: false } }), 12);
  t.equal(await inOwn({ policy: 'round-robin', zoneAware: { minInstances: 7 } }), 12);
});

for (const policy of ['peak-ewma', 'adaptive'])
  t.test(`${policy}: an instance that refuses at once gets next to nothing`, async (t) => {
    const status = (place: number) => (place === 0 ? 429 : 200);
    const mesh = await proxyTo(t, 3, { loadBalancer: { policy }, ...noRetry }, { status });
    await answers(t, mesh, 10);
    const isUnequal = { strategy: 'peak-ewma', cause: 'unequal' };
    if (policy === 'adaptive')
      await until(async () => {
        await answers(t, mesh, 3);
        return (await mesh.proxy.metric('meshlane_adaptive_changes_total', isUnequal)) === 1;
      });
    const seen = await answers(t, mesh, 60);
    t.ok(countOf(seen, 0) <= 6, `${countOf(seen, 0)} of 60`);
  });
