import type { Test } from 'tap';
import type { Balancer } from '../../dataplane/cluster/balancer/balancer.ts';
import { Changes } from '../../dataplane/cluster/changes.ts';
import { Endpoint } from '../../dataplane/cluster/endpoint.ts';

export type MakeBalancer = (endpoints: readonly Endpoint[], weights: Float64Array) => Balancer<Endpoint>;

/** Endpoints of one service. */
export function endpointsOf(count: number): Endpoint[] {
  const changes = new Changes();
  return Array.from({ length: count }, (_, i) => new Endpoint(`e-${i}`, '127.0.0.1', i + 1, { changes }));
}

/** So many picks for as many keys, whose hashes are spread evenly (steps of the golden ratio), counted by endpoint. */
export function countPicks(balancer: Balancer<Endpoint>, endpoints: readonly Endpoint[], picks: number): number[] {
  const seen = new Map<Endpoint, number>();
  for (let i = 0; i < picks; i++) {
    const endpoint = balancer.pick(Math.imul(i, 0x9e37_79b1) >>> 1, 0)!;
    seen.set(endpoint, (seen.get(endpoint) ?? 0) + 1);
  }
  return endpoints.map((endpoint) => seen.get(endpoint) ?? 0);
}

/**
 * What every balancer promises, whatever its idea. `make` is given the weights that the endpoints have. Where chance or keys
 * decide it takes more picks to see the shares: 10,000 of them miss by half a percentage point (one standard deviation).
 */
export function balancerContract(t: Test, name: string, make: MakeBalancer, picks = 10_000): void {
  const balancerOf = (endpoints: readonly Endpoint[]) =>
    make(
      endpoints,
      Float64Array.from(endpoints, ({ weight }) => weight),
    );

  t.test(`${name} picks nothing where there is nothing`, async (t) => {
    t.equal(balancerOf([]).pick(1, 0), undefined);
  });

  t.test(`${name} picks the only endpoint every time`, async (t) => {
    const [only] = endpointsOf(1);
    const balancer = balancerOf([only!]);
    for (let i = 0; i < 10; i++) t.equal(balancer.pick(i - 1, 0), only);
  });

  t.test(`${name} gives equal endpoints equal shares`, async (t) => {
    const endpoints = endpointsOf(7);
    const shares = countPicks(balancerOf(endpoints), endpoints, 7000);
    t.ok(Math.min(...shares) > 850 && Math.max(...shares) < 1150, `${shares} of 7000`);
  });

  t.test(`${name} misses weights by less than a percentage point over ${picks} requests`, async (t) => {
    for (const weights of [
      [1, 2, 3, 4],
      [100, 1],
      [1000, 1000, 1000],
      [1, 1, 1, 1, 6],
    ]) {
      const endpoints = endpointsOf(weights.length);
      endpoints.forEach((endpoint, i) => {
        endpoint.weight = weights[i]!;
      });
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const seen = countPicks(balancerOf(endpoints), endpoints, picks);
      const misses = seen.map((count, i) => Math.abs(count / picks - weights[i]! / total) * 100);
      t.ok(Math.max(...misses) < 1, `${weights}: ${seen}`);
    }
  });
}
