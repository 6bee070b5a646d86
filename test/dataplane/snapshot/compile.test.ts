import t from 'tap';
import { noKey } from '../../../dataplane/cluster/balancer/balancer.ts';
import type { Cluster } from '../../../dataplane/cluster/cluster.ts';
import type { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { Buckets, newBucketMemory } from '../../../dataplane/filters/rate-limit/buckets.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { compileSnapshot } from '../../../dataplane/snapshot/compile.ts';
import { OwnListeners } from '../../../dataplane/snapshot/own-listeners.ts';
import { ResourceStore } from '../../../dataplane/snapshot/resource-store.ts';
import type { Snapshot } from '../../../dataplane/snapshot/snapshot.ts';
import { type EndpointPool, Pool, type PoolSettings } from '../../../dataplane/upstream/pool.ts';
import { newSlotMemory, type Series, SlotTable } from '../../../observability/metrics/slots.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { instance, policy, route, serviceAt } from '../harness/resources.ts';

/** Snapshots one after the other, as a worker makes them. */
function worker() {
  const series: Series[] = [];
  const metrics = new SlotTable(newSlotMemory(), (one) => series.push(one));
  const now = () => 1000;
  const connect = () => {
    throw new Error('nothing is sent here');
  };
  let snapshot: Snapshot | null = null;
  const put = (...resources: AnyResource[]): Snapshot => {
    snapshot = compileSnapshot(new ResourceStore().with(resources, []), 1, snapshot, {
      metrics,
      makePool: (endpoint: Endpoint, settings: PoolSettings): EndpointPool =>
        new Pool(endpoint, settings, connect, now),
      now,
      random: seededRandom(),
      workers: 2,
      application: null,
      workload: { service: null, namespace: null, labels: {} },
      zone: null,
      ownListeners: new OwnListeners(),
      onBreaker: () => undefined,
      buckets: new Buckets(newBucketMemory(), 0),
    });
    return snapshot;
  };
  const gauge = (metric: string) => {
    const found = series.find(({ name }) => name === metric);
    return found === undefined ? null : metrics.values[found.slot];
  };
  return { put, gauge, ejected: () => gauge('meshlane_endpoints_ejected') };
}

function clusterOf(snapshot: Snapshot, service: string): Cluster<Endpoint> {
  return snapshot.rulesFor(service)!.match(new RequestHead())!.pickBackend()!.cluster;
}

const named = (snapshot: Snapshot, name: string) => [...snapshot.endpoints.values()].find((one) => one.name === name)!;

t.test('a change of configuration forgives no outlier, until nobody asks for it any more', async (t) => {
  const { put, ejected } = worker();
  const app = serviceAt('app', 1, 2, 3);
  const outlierDetection = { consecutive5xx: 2 };
  const first = named(put(...app, policy('app', { outlierDetection })), 'app-1');
  for (let i = 0; i < 2; i++) first.outlier!.onStatus(500, 1000);
  t.ok(first.isEjected);
  t.equal(ejected(), 1);
  const after = put(...app, instance('app-9', 'app', 9), policy('app', { outlierDetection: { consecutive5xx: 4 } }));
  t.equal(named(after, 'app-1'), first);
  t.ok(first.isEjected);
  t.equal(clusterOf(after, 'app').endpoints.length, 4);
  for (let i = 0; i < 20; i++) t.not(clusterOf(after, 'app').pick(noKey, [], 1000), first);
  put(...app);
  t.notOk(first.isEjected);
  t.equal(first.outlier, null);
  t.equal(ejected(), 0);
});

t.test('who left is ejected no longer, nor is a service that left', async (t) => {
  const { put, ejected } = worker();
  const app = serviceAt('app', 1, 2, 3);
  const detects = policy('app', { outlierDetection: { consecutive5xx: 1 } });
  named(put(...app, detects), 'app-1').outlier!.onStatus(500, 1000);
  put(app[0]!, app[1]!, app[3]!, detects);
  t.equal(ejected(), 0);
  named(put(...app, detects), 'app-2').outlier!.onStatus(500, 1000);
  t.equal(ejected(), 1);
  put(app[0]!, detects);
  t.equal(ejected(), 0, 'without instances');
  named(put(...app, detects), 'app-0').outlier!.onStatus(500, 1000);
  put(...serviceAt('other', 1));
  t.equal(ejected(), 0, 'without the service');
});

t.test('latency is measured only where it decides', async (t) => {
  const { put } = worker();
  const app = serviceAt('app', 1);
  const latencyUnder = (name: string) =>
    named(put(...app, policy('app', { loadBalancer: { policy: name } })), 'app-0').latency;
  t.equal(latencyUnder('least-request'), null);
  const estimate = latencyUnder('peak-ewma');
  t.equal(estimate?.at(1000), 10);
  t.equal(latencyUnder('adaptive'), estimate, 'what is known stays known');
  t.equal(latencyUnder('random'), null);
});

t.test('a subset follows the policy of its service, and its endpoints’ changes', async (t) => {
  const { put } = worker();
  const traits = (version: string) => ({ labels: { version }, weight: 7 });
  const v1 = [1, 2].map((port) => instance(`v1-${port}`, 'app', port, traits('v1')));
  const snapshot = put(
    ...serviceAt('app', 9),
    ...v1,
    policy('app', { loadBalancer: { policy: 'maglev', hashOn: { path: true }, tableSize: 101 } }),
  );
  const backend = { service: 'app', labels: { version: 'v1' } };
  const routed = put(
    ...serviceAt('app', 9),
    ...v1,
    policy('app', { loadBalancer: { policy: 'maglev', hashOn: { path: true }, tableSize: 101 } }),
    {
      kind: 'Route',
      name: 'r',
      labels: {},
      spec: { hostnames: ['v1'], rules: [{ matches: [], backends: [{ ...backend, weight: 1 }] }] },
    },
  );
  const cluster = clusterOf(routed, 'v1');
  t.equal(cluster.explain(), 'maglev');
  t.same(
    cluster.endpoints.map(({ name, weight }) => `${name} ${weight}`),
    ['v1-1 7', 'v1-2 7'],
  );
  t.equal(named(snapshot, 'v1-1'), cluster.endpoints[0]);
  const [home] = cluster.endpoints.filter((endpoint) => endpoint === cluster.pick(5, [], 1000));
  home!.setHealthy(false, 1000);
  t.not(cluster.pick(5, [], 1000), home);
  home!.setHealthy(true, 1000);
  t.equal(cluster.pick(5, [], 1000), home);
});

t.test(
  'what a service has under way, and may have, is kept over changes; nothing is left of who is gone',
  async (t) => {
    const { put, gauge } = worker();
    const app = serviceAt('app', 1);
    const limited = (limits: object) => policy('app', { limits, concurrency: { minLimit: 7 } });
    const endpoint = named(put(...app, limited({ requests: 1 })), 'app-0');
    endpoint.load.requests = 2;
    t.ok(endpoint.load.isFull);
    t.equal(gauge('meshlane_concurrency_limit'), 7);
    const { concurrency } = endpoint;
    const after = put(...app, limited({ requests: 3 }));
    t.equal(named(after, 'app-0').load.requests, 2);
    t.notOk(endpoint.load.isFull);
    t.equal(clusterOf(after, 'app').pick(noKey, [], 1000), endpoint);
    t.equal(endpoint.concurrency, concurrency);
    put(...app);
    t.equal(endpoint.concurrency, null);
    t.equal(gauge('meshlane_concurrency_limit'), 0);
    put(...app, limited({}));
    put(app[0]!);
    t.equal(gauge('meshlane_concurrency_limit'), 0, 'without instances');
  },
);

t.test('the breaker of a rule goes with it', async (t) => {
  const { put, gauge } = worker();
  const app = serviceAt('app', 1);
  const rule = (name: string) => route('shop', [{ name, backends: [{ service: 'app' }], breaker: {} }]);
  const [breaker] = put(...app, rule('a')).breakers.values();
  for (let i = 0; i < 5; i++) breaker!.settle(breaker!.onStart(), 'failure', 0);
  t.equal(gauge('meshlane_breaker_state'), 2);
  t.equal([...put(...app, rule('a')).breakers.values()][0], breaker);
  t.equal(gauge('meshlane_breaker_state'), 2);
  t.same([...put(...app, rule('b')).breakers.keys()], ['shop/b']);
  t.equal(gauge('meshlane_breaker_state'), 0);
});

t.test('nothing is learned of the latency of mirrors, which are not hedged', async (t) => {
  const { put } = worker();
  const rule = { backends: [{ service: 'app' }], mirrors: [{ service: 'shadow' }] };
  const hedged = [policy('app', { hedge: {} }), policy('shadow', { hedge: {} })];
  const { states } = put(...serviceAt('app', 1), ...serviceAt('shadow', 2), ...hedged, route('shop', [rule], ['shop']));
  t.same([...states.get('app')!.hedging.latencies.keys()].sort(), ['(service)', 'shop/0']);
  t.same([...states.get('shadow')!.hedging.latencies.keys()], ['(service)'], 'of the requests that it gets itself');
});

t.test('what is known of latency goes with its rule, and not before', async (t) => {
  const { put } = worker();
  const app = serviceAt('app', 1);
  const rule = (name: string) => route('shop', [{ name, backends: [{ service: 'app' }], hedge: {} }], ['shop']);
  const latencyAfter = (name: string) =>
    put(...app, rule(name))
      .rulesFor('shop')!
      .match(new RequestHead())!
      .pickBackend()!.hedge!.latency;
  const first = latencyAfter('a');
  t.equal(latencyAfter('a'), first);
  t.not(latencyAfter('b'), first);
  t.not(latencyAfter('a'), first);
});
