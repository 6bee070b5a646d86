import t from 'tap';
import { LeastRequest } from '../../../../dataplane/cluster/balancer/least-request.ts';
import { WeightedLeastRequest } from '../../../../dataplane/cluster/balancer/weighted-least-request.ts';
import { countPicks, endpointsOf } from '../../../contracts/balancer.contract.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

t.test('least request takes the less loaded of two, and never the most loaded of all', async (t) => {
  const endpoints = endpointsOf(4);
  endpoints.forEach((endpoint, i) => {
    endpoint.inFlight = i;
  });
  const shares = countPicks(new LeastRequest(endpoints, seededRandom()), endpoints, 6000);
  t.equal(shares[3], 0);
  t.ok(shares[0]! > shares[1]! && shares[1]! > shares[2]!);
});

t.test('where weights differ, requests under way shrink them', async (t) => {
  const endpoints = endpointsOf(3);
  endpoints[0]!.inFlight = 3;
  const weights = Float64Array.of(4, 1, 2);
  const shares = countPicks(new WeightedLeastRequest(endpoints, weights, seededRandom()), endpoints, 4000);
  t.same(
    shares.map((share) => Math.round(share / 100)),
    [10, 10, 20],
    '4 / (3 + 1), 1 and 2',
  );
});
