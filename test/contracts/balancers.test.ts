import t from 'tap';
import { AdaptiveChoice } from '../../dataplane/cluster/adaptive-choice.ts';
import { Adaptive } from '../../dataplane/cluster/balancer/adaptive.ts';
import { ByZone } from '../../dataplane/cluster/balancer/by-zone.ts';
import { WeightedLeastRequest } from '../../dataplane/cluster/balancer/weighted-least-request.ts';
import { WeightedRoundRobin } from '../../dataplane/cluster/balancer/weighted-round-robin.ts';
import { BalancerMaker, type BalancerSettings } from '../../dataplane/cluster/balancer-maker.ts';
import { HashTables } from '../../dataplane/cluster/hashing/hash-tables.ts';
import { seededRandom } from '../harness/seeded-random.ts';
import { balancerContract, type MakeBalancer } from './balancer.contract.ts';

const random = seededRandom();
const ignore = () => undefined;

const takesTurns = new Set(['round-robin', 'least-request']);

/** As configuration makes them. */
const policies: readonly BalancerSettings[] = [
  { policy: 'round-robin' },
  { policy: 'least-request' },
  { policy: 'random' },
  { policy: 'peak-ewma' },
  { policy: 'adaptive' },
  { policy: 'ring-hash', size: 4096 },
  { policy: 'maglev', size: 65_537 },
];
for (const settings of policies) {
  const make: MakeBalancer = (endpoints, weights) => {
    const tools = { random, tables: new HashTables(null), choice: new AdaptiveChoice(ignore) };
    return new BalancerMaker(settings, endpoints, tools).make(endpoints, weights);
  };
  balancerContract(t, settings.policy, make, takesTurns.has(settings.policy) ? 10_000 : 100_000);
}

/** Each by itself, also where configuration would take a simpler one. */
const weighted: MakeBalancer = (endpoints, weights) => new WeightedRoundRobin(endpoints, weights, random);
balancerContract(t, 'weighted round robin', weighted);
balancerContract(t, 'weighted least request', (endpoints, weights) => {
  return new WeightedLeastRequest(endpoints, weights, random);
});
balancerContract(t, 'a zone alone', (endpoints, weights) => {
  return new ByZone([{ share: 1, balancer: weighted(endpoints, weights) }], random);
});
balancerContract(t, 'an adaptive choice', (endpoints, weights) => {
  const one = weighted(endpoints, weights);
  return new Adaptive(new AdaptiveChoice(ignore), { unequal: one, busy: one, calm: one });
});
