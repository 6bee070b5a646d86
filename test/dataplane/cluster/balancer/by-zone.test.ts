import t from 'tap';
import { ByZone } from '../../../../dataplane/cluster/balancer/by-zone.ts';
import { RoundRobin } from '../../../../dataplane/cluster/balancer/round-robin.ts';
import { countPicks, endpointsOf } from '../../../contracts/balancer.contract.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

t.test('zones have their shares, and their endpoints share them', async (t) => {
  const endpoints = endpointsOf(6);
  const zone = (share: number, from: number, to: number) => ({
    share,
    balancer: new RoundRobin(endpoints.slice(from, to), 0),
  });
  const balancer = new ByZone([zone(0.4, 0, 1), zone(0, 1, 2), zone(0.6, 2, 6)], seededRandom());
  const shares = countPicks(balancer, endpoints, 10_000);
  t.ok(Math.abs(shares[0]! - 4000) < 150, `${shares}`);
  t.equal(shares[1], 0);
  for (const share of shares.slice(2)) t.ok(Math.abs(share - 1500) < 60, `${shares}`);
});
