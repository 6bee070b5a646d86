import t from 'tap';
import { LeastRequest } from '../../dataplane/cluster/balancer/least-request.ts';
import { RoundRobin } from '../../dataplane/cluster/balancer/round-robin.ts';
import { balancerContract, endpointsOf } from './balancer.contract.ts';

/** The same numbers in every run (Park and Miller 1988). */
function fixedRandom(): () => number {
  let state = 42;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state;
  };
}

balancerContract(t, 'round robin', (endpoints) => new RoundRobin(endpoints, 4));
balancerContract(t, 'least request', (endpoints) => new LeastRequest(endpoints, fixedRandom()));

t.test('round robin takes each in turn from where it was told to begin', async (t) => {
  const balancer = new RoundRobin(endpointsOf(3), 5);
  t.same(
    Array.from({ length: 5 }, () => balancer.pick()!.name),
    ['e-2', 'e-0', 'e-1', 'e-2', 'e-0'],
  );
});

t.test('least request takes the less loaded of two, and never the most loaded of all', async (t) => {
  const endpoints = endpointsOf(4);
  endpoints.forEach((endpoint, i) => {
    endpoint.inFlight = i;
  });
  const balancer = new LeastRequest(endpoints, fixedRandom());
  const seen: Record<string, number> = {};
  for (let i = 0; i < 6000; i++) {
    const { name } = balancer.pick()!;
    seen[name] = (seen[name] ?? 0) + 1;
  }
  t.equal(seen['e-3'], undefined);
  t.ok(seen['e-0']! > seen['e-1']! && seen['e-1']! > seen['e-2']!);
});
