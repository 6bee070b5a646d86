import t from 'tap';
import { RoundRobin } from '../../../../dataplane/cluster/balancer/round-robin.ts';
import { WeightedRoundRobin } from '../../../../dataplane/cluster/balancer/weighted-round-robin.ts';
import { endpointsOf } from '../../../contracts/balancer.contract.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

t.test('round robin takes each in turn from where it was told to begin', async (t) => {
  const balancer = new RoundRobin(endpointsOf(3), 5);
  t.same(
    Array.from({ length: 5 }, () => balancer.pick()!.name),
    ['e-2', 'e-0', 'e-1', 'e-2', 'e-0'],
  );
});

t.test('weighted turns are interleaved, and begin elsewhere in each worker', async (t) => {
  const orders = [1, 2, 3].map((seed) => {
    const balancer = new WeightedRoundRobin(endpointsOf(3), Float64Array.of(4, 2, 1), seededRandom(seed));
    return Array.from({ length: 70 }, () => balancer.pick()!.name.slice(2)).join('');
  });
  for (const order of orders) {
    t.notMatch(order, /0{4}|1{2}|2{2}/);
    t.equal(order.replaceAll(/[12]/g, '').length, 40);
  }
  t.equal(new Set(orders).size, 3);
});
