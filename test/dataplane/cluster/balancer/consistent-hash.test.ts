import t from 'tap';
import { noKey } from '../../../../dataplane/cluster/balancer/balancer.ts';
import { ConsistentHash } from '../../../../dataplane/cluster/balancer/consistent-hash.ts';
import type { Endpoint } from '../../../../dataplane/cluster/endpoint.ts';
import { HashTables } from '../../../../dataplane/cluster/hashing/hash-tables.ts';
import { hashText } from '../../../../dataplane/cluster/hashing/murmur3.ts';
import { endpointsOf } from '../../../contracts/balancer.contract.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

const keys = Array.from({ length: 5000 }, (_, i) => hashText(`session ${i}`));
const random = seededRandom();

for (const [kind, size] of [
  ['ring-hash', 256],
  ['maglev', 65_537],
] as const) {
  const all = endpointsOf(10);
  const table = new HashTables(null).tableOf(kind, size, all);
  const among = (present: readonly Endpoint[]) => new ConsistentHash(table, all, present, random);
  const before = keys.map((key) => among(all).pick(key)!);

  t.test(`${kind}: while an endpoint is away only its own keys move, to all the others`, async (t) => {
    const away = all[3]!;
    const without = among(all.filter((endpoint) => endpoint !== away));
    const after = keys.map((key) => without.pick(key)!);
    const moved = before.filter((endpoint, i) => endpoint !== after[i]);
    t.equal(moved.length, before.filter((endpoint) => endpoint === away).length);
    t.ok(moved.length < (1.5 / 10) * keys.length);
    const heirs = after.filter((_, i) => before[i] === away);
    t.equal(new Set(heirs).size, 9);
    t.ok(Math.max(...all.map((one) => heirs.filter((heir) => heir === one).length)) < heirs.length / 3);
  });

  t.test(`${kind}: keys come back with their endpoint`, async (t) => {
    t.ok(keys.every((key, i) => among(all).pick(key) === before[i]));
  });

  t.test(`${kind}: a key is true to its endpoint, also when most are away`, async (t) => {
    const few = among(all.slice(0, 2));
    const picked = keys.map((key) => few.pick(key)!);
    t.same(
      keys.map((key) => few.pick(key)),
      picked,
    );
    t.ok(picked.every((endpoint, i) => !all.slice(0, 2).includes(before[i]!) || endpoint === before[i]));
  });

  t.test(`${kind}: what has no key goes anywhere`, async (t) => {
    const balancer = among(all);
    t.equal(new Set(Array.from({ length: 200 }, () => balancer.pick(noKey))).size, 10);
  });
}

t.test('a thousand endpoints of which two are here take a bounded time, and keys stay with them', async (t) => {
  const all = endpointsOf(1000);
  const table = new HashTables(null).tableOf('maglev', 65_537, all);
  const balancer = new ConsistentHash(table, all, all.slice(500, 502), random);
  const picked = keys.map((key) => balancer.pick(key)!);
  t.equal(new Set(picked).size, 2);
  t.ok(keys.every((key, i) => balancer.pick(key) === picked[i]));
});

t.test('a table is made once for the same endpoints, and forgotten when it was not asked for again', async (t) => {
  const endpoints = endpointsOf(3);
  const first = new HashTables(null);
  const table = first.tableOf('maglev', 101, endpoints);
  t.equal(first.tableOf('maglev', 101, endpoints), table);
  t.not(first.tableOf('maglev', 103, endpoints), table);
  t.not(first.tableOf('ring-hash', 101, endpoints), table);
  const second = new HashTables(first);
  t.equal(second.tableOf('maglev', 101, endpointsOf(3)), table);
  endpoints[0]!.weight = 2;
  t.not(second.tableOf('maglev', 101, endpoints), table);
  t.not(new HashTables(new HashTables(second)).tableOf('maglev', 101, endpointsOf(3)), table);
});
