import type { Test } from 'tap';
import type { Balancer } from '../../dataplane/cluster/balancer/balancer.ts';
import { Endpoint } from '../../dataplane/cluster/endpoint.ts';

export type MakeBalancer = (endpoints: readonly Endpoint[]) => Balancer<Endpoint>;

export function endpointsOf(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => new Endpoint(`e-${i}`, '127.0.0.1', i + 1, {}));
}

/** What every balancer promises, whatever its idea. */
export function balancerContract(t: Test, name: string, make: MakeBalancer): void {
  t.test(`${name} picks nothing where there is nothing`, async (t) => {
    t.equal(make([]).pick(), undefined);
  });

  t.test(`${name} picks the only endpoint every time`, async (t) => {
    const [only] = endpointsOf(1);
    const balancer = make([only!]);
    for (let i = 0; i < 10; i++) t.equal(balancer.pick(), only);
  });

  t.test(`${name} gives equal endpoints equal shares`, async (t) => {
    const endpoints = endpointsOf(7);
    const balancer = make(endpoints);
    const seen = new Map<Endpoint, number>();
    for (let i = 0; i < 7000; i++) {
      const endpoint = balancer.pick()!;
      seen.set(endpoint, (seen.get(endpoint) ?? 0) + 1);
    }
    for (const endpoint of endpoints) {
      const share = seen.get(endpoint) ?? 0;
      t.ok(share > 850 && share < 1150, `${endpoint.name}: ${share} of 1000`);
    }
  });
}
