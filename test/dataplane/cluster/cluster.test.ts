import t from 'tap';
import { RoundRobin } from '../../../dataplane/cluster/balancer/round-robin.ts';
import { Breaker } from '../../../dataplane/cluster/breaker.ts';
import { Cluster } from '../../../dataplane/cluster/cluster.ts';
import type { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { endpointsOf } from '../../contracts/balancer.contract.ts';

const clusterOf = (endpoints: Endpoint[]) => new Cluster('app', endpoints, new RoundRobin(endpoints, 0));
const openBreaker = () => {
  const breaker = new Breaker(
    { consecutiveFailures: 1, openForMs: 1000, maxOpenForMs: 1000 },
    { onTransition: () => undefined, onRetired: () => undefined },
  );
  breaker.onFailure(0, breaker.onStart());
  return breaker;
};

t.test('a cluster passes over who is unhealthy, backs off or is cut off', async (t) => {
  const endpoints = endpointsOf(4);
  endpoints[0]!.isHealthy = false;
  endpoints[1]!.backoffUntilMs = 500;
  endpoints[2]!.breaker = openBreaker();
  const cluster = clusterOf(endpoints);
  for (let i = 0; i < 8; i++) t.equal(cluster.pick(null, 100), endpoints[3]);
  const later = new Set(Array.from({ length: 8 }, () => cluster.pick(null, 600)));
  t.same(later, new Set([endpoints[1], endpoints[3]]));
});

t.test('the endpoint to avoid is taken only when there is no other', async (t) => {
  const endpoints = endpointsOf(2);
  const cluster = clusterOf(endpoints);
  for (let i = 0; i < 6; i++) t.equal(cluster.pick(endpoints[0]!, 0), endpoints[1]);
  endpoints[1]!.isHealthy = false;
  for (let i = 0; i < 6; i++) t.equal(cluster.pick(endpoints[0]!, 0), endpoints[0]);
});

t.test('when all are unhealthy one is tried all the same, but not past an open breaker', async (t) => {
  const endpoints = endpointsOf(2);
  const cluster = clusterOf(endpoints);
  endpoints[0]!.isHealthy = endpoints[1]!.isHealthy = false;
  t.type(cluster.pick(null, 0), 'object');
  endpoints[0]!.breaker = openBreaker();
  for (let i = 0; i < 4; i++) t.equal(cluster.pick(null, 0), endpoints[1]);
  endpoints[1]!.breaker = openBreaker();
  t.equal(cluster.pick(null, 0), 'breaker_open');
  t.equal(clusterOf([]).pick(null, 0), 'no_endpoint');
});
