import t from 'tap';
import { AdaptiveChoice } from '../../../dataplane/cluster/adaptive-choice.ts';
import { noKey } from '../../../dataplane/cluster/balancer/balancer.ts';
import { BalancerMaker, type BalancerSettings } from '../../../dataplane/cluster/balancer-maker.ts';
import { Balancing, type Zones } from '../../../dataplane/cluster/balancing.ts';
import { mayServe } from '../../../dataplane/cluster/candidates.ts';
import { Changes } from '../../../dataplane/cluster/changes.ts';
import { Cluster } from '../../../dataplane/cluster/cluster.ts';
import { ConcurrencyLimit } from '../../../dataplane/cluster/concurrency/concurrency-limit.ts';
import type { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { HashTables } from '../../../dataplane/cluster/hashing/hash-tables.ts';
import { ServiceLoad } from '../../../dataplane/cluster/service-load.ts';
import type { SlowStart } from '../../../dataplane/cluster/slow-start.ts';
import { endpointsOf } from '../../contracts/balancer.contract.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { breakerAt } from '../harness/breaker-at.ts';

type Options = {
  readonly settings?: BalancerSettings;
  readonly panicThresholdPercent?: number;
  readonly slowStart?: SlowStart;
  readonly load?: ServiceLoad;
  readonly zones?: Zones;
  readonly onPanic?: () => void;
};

function clusterOf(endpoints: Endpoint[], options: Options = {}): Cluster<Endpoint> {
  const random = seededRandom();
  const tools = { random, tables: new HashTables(null), choice: new AdaptiveChoice(() => undefined) };
  const maker = new BalancerMaker(options.settings ?? { policy: 'round-robin' }, endpoints, tools);
  return new Cluster({
    service: 'app',
    endpoints,
    changes: endpoints[0]?.changes ?? new Changes(),
    balancing: new Balancing(maker, random, options),
    panicThresholdPercent: options.panicThresholdPercent ?? 50,
    ...(options.onPanic ? { onPanic: options.onPanic } : {}),
    ...(options.load ? { load: options.load } : {}),
  });
}

/** Cuts an endpoint off for a second. */
function openBreaker(endpoint: Endpoint): void {
  const breaker = breakerAt({ consecutiveFailures: 1, openForMs: 1000 }, { changes: endpoint.changes });
  breaker.settle(breaker.onStart(), 'failure', 0);
  endpoint.breaker = breaker;
}

/** Names of whom so many requests go to, each once. */
function picked(cluster: Cluster<Endpoint>, nowMs: number, times = 40): string[] {
  const seen = new Set<string>();
  for (let i = 0; i < times; i++) {
    const choice = cluster.pick(noKey, [], nowMs);
    seen.add(typeof choice === 'string' ? choice : choice.name);
  }
  return [...seen].sort();
}

t.test('a cluster passes over who is unhealthy, ejected, backs off or is cut off, until that is over', async (t) => {
  const endpoints = endpointsOf(9);
  const cluster = clusterOf(endpoints);
  t.equal(picked(cluster, 100).length, 9);
  endpoints[0]!.setHealthy(false, 100);
  endpoints[1]!.avoidUntil(500);
  openBreaker(endpoints[2]!);
  endpoints[3]!.setEjected(true, 100);
  const others = ['e-4', 'e-5', 'e-6', 'e-7', 'e-8'];
  t.same(picked(cluster, 499), others);
  t.same(picked(cluster, 500), ['e-1', ...others]);
  t.same(picked(cluster, 1000), ['e-1', 'e-2', ...others]);
  const probe = endpoints[2]!.breaker!.onStart();
  t.same(picked(cluster, 1000), ['e-1', ...others], 'one probe at a time');
  endpoints[2]!.breaker!.settle(probe, 'success', 1000);
  endpoints[0]!.setHealthy(true, 1000);
  endpoints[3]!.setEjected(false, 1000);
  t.equal(picked(cluster, 1000).length, 9);
});

t.test('the endpoint to avoid is taken only when there is no other', async (t) => {
  for (const settings of [{ policy: 'round-robin' }, { policy: 'maglev', size: 101 }] as const) {
    const endpoints = endpointsOf(2);
    const cluster = clusterOf(endpoints, { settings, panicThresholdPercent: 0 });
    for (let key = 0; key < 20; key++) t.equal(cluster.pick(key, [endpoints[0]!], 0), endpoints[1]);
    endpoints[1]!.setHealthy(false, 0);
    for (let key = 0; key < 20; key++) t.equal(cluster.pick(key, [endpoints[0]!], 0), endpoints[0]);
  }
});

/** As many requests as its limit of 1 allows are under way. */
function fill(endpoint: Endpoint): void {
  const settings = { minLimit: 1, maxLimit: 1, bufferPercent: 0, percentile: 50 };
  const times = { updateIntervalMs: 100, measureIntervalMs: 1000 };
  endpoint.concurrency = new ConcurrencyLimit(
    { ...settings, ...times },
    { random: () => 0, onLimit: () => undefined },
    0,
  );
  endpoint.concurrency.onStart();
}

t.test('who is full is passed over, and when all are there is nobody', async (t) => {
  const endpoints = endpointsOf(6);
  const refused: string[] = [];
  const load = new ServiceLoad(undefined, (limit) => refused.push(limit));
  const cluster = clusterOf(endpoints, { load });
  for (const endpoint of endpoints.slice(0, 4)) fill(endpoint);
  t.same(picked(cluster, 0), ['e-4', 'e-5']);
  t.ok(cluster.hasOther([endpoints[4]!], 0));
  fill(endpoints[5]!);
  for (let i = 0; i < 20; i++)
    t.equal(cluster.pick(noKey, [endpoints[4]!], 0), endpoints[4], 'tried, but the only one');
  t.notOk(cluster.hasOther([endpoints[4]!], 0));
  t.ok(mayServe(endpoints[4]!, 0));
  t.notOk(mayServe(endpoints[5]!, 0), 'nor is it asked by name');
  t.same(refused, []);
  fill(endpoints[4]!);
  t.equal(cluster.pick(noKey, [], 0), 'overloaded');
  t.equal(cluster.pick(noKey, [endpoints[4]!], 0), 'overloaded');
  t.same(refused, ['concurrency', 'concurrency']);
  endpoints[0]!.concurrency!.onCancel();
  t.same(picked(cluster, 0), ['e-0']);
});

t.test('a service at its limit of requests takes no more, whoever has room', async (t) => {
  const refused: string[] = [];
  const load = new ServiceLoad({ requests: 2, retries: 0 }, (limit) => refused.push(limit));
  const cluster = clusterOf(endpointsOf(3), { load });
  load.requests = 2;
  t.equal(cluster.pick(noKey, [], 0), 'overloaded');
  t.equal(cluster.pickForTunnel(1, [], 0), 'overloaded');
  t.same(refused, ['requests', 'requests']);
  load.requests = 1;
  t.equal(picked(cluster, 0).length, 3);
});

t.test('when none can be reached one is tried all the same', async (t) => {
  const endpoints = endpointsOf(2);
  for (const endpoint of endpoints) endpoint.avoidUntil(1000);
  t.same(picked(clusterOf(endpoints), 0), ['e-0', 'e-1']);
});

t.test('below the panic threshold health counts for nothing, and is counted', async (t) => {
  const endpoints = endpointsOf(10);
  let panics = 0;
  const cluster = clusterOf(endpoints, { onPanic: () => void panics++ });
  for (const endpoint of endpoints.slice(0, 5)) endpoint.setHealthy(false, 0);
  t.equal(picked(cluster, 0).length, 5, 'half of them are enough');
  t.equal(panics, 0);
  endpoints[5]!.setEjected(true, 0);
  t.equal(picked(cluster, 0).length, 10);
  t.equal(panics, 40);
  endpoints[5]!.setEjected(false, 0);
  t.equal(picked(cluster, 0).length, 5);
});

t.test('a panic threshold of 0 never panics: there is nobody left', async (t) => {
  const endpoints = endpointsOf(2);
  const cluster = clusterOf(endpoints, { panicThresholdPercent: 0 });
  endpoints[0]!.setHealthy(false, 0);
  t.same(picked(cluster, 0), ['e-1']);
  endpoints[1]!.setEjected(true, 0);
  t.same(picked(cluster, 0), ['no_endpoint']);
});

t.test('an open breaker is respected even then', async (t) => {
  const endpoints = endpointsOf(2);
  const cluster = clusterOf(endpoints);
  for (const endpoint of endpoints) endpoint.setHealthy(false, 0);
  openBreaker(endpoints[0]!);
  t.same(picked(cluster, 0), ['e-1']);
  openBreaker(endpoints[1]!);
  t.same(picked(cluster, 0), ['breaker_open']);
  t.equal(cluster.pickForTunnel(1, [], 0), 'breaker_open');
  t.same(picked(clusterOf([]), 0), ['no_endpoint']);
});

t.test('breakers are no reason to panic', async (t) => {
  const endpoints = endpointsOf(4);
  endpoints[0]!.setHealthy(false, 0);
  for (const endpoint of endpoints.slice(1, 3)) openBreaker(endpoint);
  endpoints[3]!.setHealthy(false, 0);
  t.same(picked(clusterOf(endpoints), 0), ['e-0', 'e-3'], 'all that are well are cut off');
  endpoints[3]!.setHealthy(true, 0);
  endpoints[0]!.setHealthy(true, 0);
  t.same(picked(clusterOf(endpoints), 0), ['e-0', 'e-3']);
});

t.test('a tunnel takes one in turn of those that have the port', async (t) => {
  const endpoints = endpointsOf(3);
  const cluster = clusterOf(endpoints);
  t.equal(cluster.pickForTunnel(2, [], 0), endpoints[1]);
  t.equal(cluster.pickForTunnel(2, [endpoints[1]!], 0), endpoints[1], 'the only one, though it failed');
  t.equal(cluster.pickForTunnel(9, [], 0), 'port_not_served');
  t.equal(clusterOf([]).pickForTunnel(2, [], 0), 'no_endpoint');
});

/** How many of 1,000 requests each gets. */
function shares(cluster: Cluster<Endpoint>, endpoints: readonly Endpoint[], nowMs: number): number[] {
  const seen = new Map<unknown, number>();
  for (let i = 0; i < 1000; i++) {
    const choice = cluster.pick(noKey, [], nowMs);
    seen.set(choice, (seen.get(choice) ?? 0) + 1);
  }
  return endpoints.map((endpoint) => seen.get(endpoint) ?? 0);
}

t.test('who has just come, or come back, begins with a small part of its weight', async (t) => {
  const slowStart = { windowMs: 10_000, minWeightPercent: 10, aggression: 1 };
  for (const policy of ['round-robin', 'least-request', 'random', 'peak-ewma'] as const) {
    const endpoints = endpointsOf(2);
    const cluster = clusterOf(endpoints, { settings: { policy }, slowStart });
    endpoints[0]!.setHealthy(false, 20_000);
    endpoints[0]!.setHealthy(true, 60_000);
    const within = (part: number, wanted: number) => Math.abs(part - wanted) < 60;
    t.ok(within(shares(cluster, endpoints, 60_000)[0]!, 91), `${policy}: a tenth of the other’s`);
    t.ok(within(shares(cluster, endpoints, 65_100)[0]!, 338), `${policy}: half`);
    t.ok(within(shares(cluster, endpoints, 70_000)[0]!, 500), `${policy}: all of it`);
  }
});

t.test('zones have their shares while enough endpoints are there, and none when all are needed', async (t) => {
  const endpoints = endpointsOf(10);
  endpoints.forEach((endpoint, i) => {
    endpoint.labels = { 'topology.kubernetes.io/zone': i < 4 ? 'a' : 'b' };
  });
  const zones = { own: 'a', callers: new Map([['a', 1]]), minimumInstances: 6 };
  const inOwn = (cluster: Cluster<Endpoint>) =>
    shares(cluster, endpoints, 0)
      .slice(0, 4)
      .reduce((sum, share) => sum + share, 0);
  const evenly = clusterOf(endpoints, { zones: { ...zones, callers: new Map() } });
  t.ok(Math.abs(inOwn(evenly) - 800) < 40, 'it has 40 % and needs 50 %');
  t.equal(
    inOwn(
      clusterOf(endpoints, {
        zones: {
          ...zones,
          callers: new Map([
            ['a', 2],
            ['b', 3],
          ]),
        },
      }),
    ),
    1000,
  );
  t.equal(inOwn(clusterOf(endpoints, { zones: { ...zones, minimumInstances: 11 } })), 400);
  t.ok(inOwn(clusterOf(endpoints, { zones, settings: { policy: 'maglev', size: 101 } })) < 500, 'keys know no zones');
  for (const endpoint of endpoints.slice(0, 6)) endpoint.setHealthy(false, 0);
  t.equal(inOwn(evenly), 400, 'in a panic');
});

t.test('a cluster says who balances', async (t) => {
  t.equal(clusterOf(endpointsOf(2)).explain(), 'round-robin');
  t.match(clusterOf(endpointsOf(2), { settings: { policy: 'adaptive' } }).explain(), /^least-request, busy: /);
});
