import t from 'tap';
import { zoneShares } from '../../../dataplane/cluster/zone-shares.ts';

const zones = (numbers: Record<string, number>) => new Map(Object.entries(numbers));

/** Shares in percent, rounded to a tenth. */
function percents(own: string, callers: Record<string, number>, endpoints: Record<string, number>): object | null {
  const shares = zoneShares(own, zones(callers), zones(endpoints));
  return shares && Object.fromEntries([...shares].map(([zone, share]) => [zone, Math.round(share * 1000) / 10]));
}

t.test('everything stays in a zone that has its part of the endpoints, or more', async (t) => {
  t.same(percents('a', { a: 1, b: 1 }, { a: 5, b: 5 }), { a: 100 });
  t.same(percents('a', { a: 1, b: 1 }, { a: 8, b: 2 }), { a: 100 });
  t.same(percents('a', { a: 1, b: 3 }, { a: 2, b: 6 }), { a: 100 });
});

t.test(
  'a zone with less than its part keeps what it can carry, and the rest goes where there is too much',
  async (t) => {
    t.same(percents('a', { a: 1, b: 1 }, { a: 2, b: 8 }), { a: 40, b: 60 });
    t.same(percents('a', { a: 1, b: 1, c: 1 }, { a: 1, b: 5, c: 4 }), { a: 30, b: 50, c: 20 });
    t.same(
      percents('a', { a: 2, b: 1, c: 1 }, { a: 1, b: 1, c: 2 }),
      { a: 50, b: 0, c: 50 },
      'b has no more than its own callers need',
    );
  },
);

t.test('all proxies together load every endpoint alike', async (t) => {
  const callers = { a: 5, b: 3, c: 2 };
  const endpoints = { a: 2, b: 2, c: 6 };
  const load: Record<string, number> = { a: 0, b: 0, c: 0 };
  for (const [zone, count] of Object.entries(callers))
    for (const [to, share] of zoneShares(zone, zones(callers), zones(endpoints))!) load[to]! += count * share;
  for (const [zone, count] of Object.entries(endpoints)) t.ok(Math.abs(load[zone]! / count - 1) < 1e-9, zone);
});

t.test('callers nobody knows of are taken to be spread evenly', async (t) => {
  t.same(percents('a', {}, { a: 2, b: 8 }), { a: 40, b: 60 });
  t.same(percents('a', { b: 3 }, { a: 2, b: 8 }), { a: 40, b: 60 }, 'a count that has not heard of us is wrong');
});

t.test('zones decide nothing where there is one, or where ours has no endpoint', async (t) => {
  t.equal(percents('a', { a: 1 }, { a: 3 }), null);
  t.equal(percents('a', { a: 1 }, { b: 3, c: 2 }), null);
  t.equal(percents('a', { a: 1 }, {}), null);
});

t.test('callers in a zone without endpoints are carried by the others', async (t) => {
  t.same(percents('a', { a: 1, z: 1 }, { a: 1, b: 1 }), { a: 100 });
});
