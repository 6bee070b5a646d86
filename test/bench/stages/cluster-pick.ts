import { deepStrictEqual } from 'node:assert/strict';
import { AdaptiveChoice } from '../../../dataplane/cluster/adaptive-choice.ts';
import { noKey } from '../../../dataplane/cluster/balancer/balancer.ts';
import { BalancerMaker } from '../../../dataplane/cluster/balancer-maker.ts';
import { Balancing } from '../../../dataplane/cluster/balancing.ts';
import { Changes } from '../../../dataplane/cluster/changes.ts';
import { Cluster } from '../../../dataplane/cluster/cluster.ts';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { HashTables } from '../../../dataplane/cluster/hashing/hash-tables.ts';
import { OutlierDetector } from '../../../dataplane/cluster/outlier/outlier-detector.ts';
import { zoneShares } from '../../../dataplane/cluster/zone-shares.ts';
import { outlierSettings } from '../../../dataplane/snapshot/balancing-settings.ts';
import { seededRandom } from '../../harness/seeded-random.ts';
import { readPolicy } from '../read-policy.ts';
import type { Stage } from './stage.ts';

const count = 1000;
const own = 'a';
const callers = new Map([
  ['a', 1],
  ['b', 1],
  ['c', 1],
]);

export const stage: Stage = {
  name: 'cluster-pick',
  what: `pick among ${count} endpoints by least request: weights, three zones, outlier detection with ejections`,
  plain: 'filter, group by zone and look for the next turn at each pick',
  prepare() {
    const endpoints = ejectedInPart(makeEndpoints());
    const random = seededRandom();
    const tools = { random, tables: new HashTables(null), choice: new AdaptiveChoice(() => undefined) };
    const zones = { own, callers, minimumInstances: 6 };
    const fast = new Cluster({
      service: 'app',
      endpoints,
      changes: endpoints[0]!.changes,
      balancing: new Balancing(new BalancerMaker({ policy: 'least-request' }, endpoints, tools), random, { zones }),
      panicThresholdPercent: 50,
    });
    const pickFast = () => fast.pick(noKey, [], 1000) as Endpoint;
    const pickPlain = plainPick(endpoints, seededRandom());
    return {
      check() {
        for (let i = 0; i < 3000; i++) deepStrictEqual(pickFast().name, pickPlain().name);
      },
      runFast(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += pickFast().port;
        return sum;
      },
      runPlain(times) {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += pickPlain().port;
        return sum;
      },
    };
  },
};

/** Of all weights up to 10 and loads up to 6, a fifth of them in the own zone. */
function makeEndpoints(): Endpoint[] {
  const changes = new Changes();
  return Array.from({ length: count }, (_, i) => {
    const labels = { 'topology.kubernetes.io/zone': i % 5 === 0 ? own : i % 2 === 0 ? 'b' : 'c' };
    const endpoint = new Endpoint(`e${i}`, '127.0.0.1', 8000 + i, { labels, weight: 1 + (i % 10), changes });
    endpoint.inFlight = (i * 5) % 7;
    return endpoint;
  });
}

function ejectedInPart(endpoints: Endpoint[]): Endpoint[] {
  const settings = outlierSettings(readPolicy({ outlierDetection: {} }).spec.outlierDetection!, 1);
  const ignore = () => undefined;
  const observer = { onDetected: ignore, onEjected: ignore, onCount: ignore };
  new OutlierDetector(settings, observer, () => 0, 0).follow(endpoints, settings);
  for (const endpoint of endpoints.filter((_, i) => i % 11 === 0))
    for (let i = 0; i < 5; i++) endpoint.outlier!.onStatus(500, 0);
  return endpoints;
}

/** The same arithmetic, done again for each request. */
function plainPick(endpoints: readonly Endpoint[], random: () => number): () => Endpoint {
  const turns = new Map<Endpoint, number>();
  return () => {
    const present = endpoints.filter(({ isHealthy, isEjected, backoffUntilMs }) => {
      return isHealthy && !isEjected && backoffUntilMs <= 1000;
    });
    const capacity = new Map<string, number>();
    for (const { zone, weight } of present) capacity.set(zone, (capacity.get(zone) ?? 0) + weight);
    const shares = [...zoneShares(own, callers, capacity)!];
    if (turns.size === 0)
      for (const [zone] of shares)
        for (const endpoint of present.filter((one) => one.zone === zone))
          turns.set(endpoint, random() / 2 ** 32 / endpoint.weight);
    const at = random() / 2 ** 32;
    const ends = shares.map((_, i) => shares.slice(0, i + 1).reduce((sum, [, share]) => sum + share, 0));
    const zone = shares[ends.findIndex((end) => at < end)] ?? shares.at(-1)!;
    const choice = present
      .filter((endpoint) => endpoint.zone === zone[0])
      .reduce((first, other) => (turns.get(other)! < turns.get(first)! ? other : first));
    turns.set(choice, turns.get(choice)! + (choice.inFlight + 1) / choice.weight);
    return choice;
  };
}
