import t from 'tap';
import { HashRing } from '../../../../dataplane/cluster/hashing/hash-ring.ts';
import type { HashOwner, HashTable } from '../../../../dataplane/cluster/hashing/hash-table.ts';
import { MaglevTable } from '../../../../dataplane/cluster/hashing/maglev-table.ts';
import { hashText } from '../../../../dataplane/cluster/hashing/murmur3.ts';

const keys = Array.from({ length: 20_000 }, (_, i) => hashText(`user-${i}`));

const ownersOf = (count: number): HashOwner[] =>
  Array.from({ length: count }, (_, i) => ({ name: `app-${i}.example`, weight: 1 }));

/** Name of the owner of each key. */
function spread(table: HashTable, owners: readonly HashOwner[]): string[] {
  return keys.map((key) => owners[table.owners[table.slotOf(key)]!]!.name);
}

function shareOf(names: readonly string[], name: string): number {
  return names.filter((one) => one === name).length / names.length;
}

const tables = {
  'ring of 256': { make: (owners: readonly HashOwner[]) => new HashRing(owners, 256), least: 0.85, most: 1.15 },
  'ring of 4096': { make: (owners: readonly HashOwner[]) => new HashRing(owners, 4096), least: 0.93, most: 1.07 },
  maglev: { make: (owners: readonly HashOwner[]) => new MaglevTable(owners, 65_537), least: 0.93, most: 1.07 },
} as const;

for (const [name, { make, least, most }] of Object.entries(tables)) {
  t.test(`${name}: equal endpoints have equal shares within its bounds`, async (t) => {
    const owners = ownersOf(10);
    const names = spread(make(owners), owners);
    const shares = owners.map((owner) => shareOf(names, owner.name) * 10);
    t.ok(Math.min(...shares) > least && Math.max(...shares) < most, shares.map((share) => share.toFixed(2)).join());
  });

  t.test(`${name}: at most 1.5/N of the keys move when one of N leaves, and every one of its own`, async (t) => {
    for (const count of [2, 5, 10, 50]) {
      const owners = ownersOf(count);
      const before = spread(make(owners), owners);
      for (const gone of [0, count >> 1, count - 1]) {
        const rest = owners.filter((_, place) => place !== gone);
        const after = spread(make(rest), rest);
        const moved = before.filter((owner, key) => owner !== after[key]).length / keys.length;
        t.ok(moved <= 1.5 / count, `${gone} of ${count}: ${(moved * count).toFixed(2)}/${count}`);
        t.ok(moved >= shareOf(before, owners[gone]!.name));
      }
    }
  });

  t.test(`${name}: all proxies come to the same, in whichever order they heard of the endpoints`, async (t) => {
    const owners = ownersOf(7);
    const others = owners.toReversed();
    t.same(spread(make(owners), owners), spread(make(others), others));
  });

  t.test(`${name}: shares follow weights`, async (t) => {
    const owners = ownersOf(5).map(({ name }, i) => ({ name, weight: i + 1 }));
    const names = spread(make(owners), owners);
    owners.forEach((owner, i) => {
      const part = shareOf(names, owner.name) / ((i + 1) / 15);
      t.ok(part > least - 0.1 && part < most + 0.1, `${owner.weight} of 15: ${part.toFixed(2)}`);
    });
  });

  t.test(`${name}: the only endpoint owns all`, async (t) => {
    const owners = ownersOf(1);
    t.equal(shareOf(spread(make(owners), owners), owners[0]!.name), 1);
  });
}

t.test('a ring is no larger than it need be, and has points for the lightest endpoint, too', async (t) => {
  const ofWeights = (...weights: number[]) => weights.map((weight, i) => ({ name: `app-${i}`, weight }));
  t.equal(new HashRing(ofWeights(1), 256).owners.length, 256);
  t.equal(
    new HashRing(ofWeights(1000, 1000), 256).owners.length,
    1000,
    'weights of 1000 are no reason for 512,000 points',
  );
  const { owners } = new HashRing(ofWeights(...Array<number>(5000).fill(1000), 1), 256);
  t.equal(owners.filter((place) => place === 5000).length, 1);
  t.ok(owners.length < 300_000);
});

t.test('a Maglev table of a thousand endpoints is built within reason', async (t) => {
  const owners = ownersOf(1000).map(({ name }, i) => ({ name, weight: i === 0 ? 1000 : 1 }));
  const from = performance.now();
  const { owners: slots } = new MaglevTable(owners, 65_537);
  t.ok(performance.now() - from < 2000);
  t.ok(Math.abs(slots.filter((place) => place === 0).length / 65_537 - 1000 / 1999) < 0.01);
});
