import fc from 'fast-check';
import t from 'tap';
import { DynamicTable, Entry, entryShift } from '../../../../shared/http2/hpack/dynamic-table.ts';
import { holdsFor } from '../../../harness/property.ts';
import { PlainTable } from './plain-hpack.ts';

type Step = { readonly add: readonly [name: string, value: string] } | { readonly resize: number };

const lineOf = ([name, value]: readonly [string, string]) => `${name}: ${value}\r\n`;

function add(table: DynamicTable, name: string, value: string, tag: number): void {
  const at = table.add(name.length, value.length, tag);
  if (at !== -1) table.bytes.write(lineOf([name, value]), at, 'latin1');
}

function contents(table: DynamicTable): { line: string; tag: number }[] {
  return Array.from({ length: table.count }, (_, age) => {
    const slot = ((table.newest - age) & table.mask) << entryShift;
    const at = table.entries[slot + Entry.at]!;
    const length = table.entries[slot + Entry.nameLength]! + table.entries[slot + Entry.valueLength]! + 4;
    return { line: table.bytes.toString('latin1', at, at + length), tag: table.entries[slot + Entry.tag]! };
  });
}

function check(steps: readonly Step[], limit: number, firstNumber = 0): void {
  const table = new DynamicTable(limit);
  table.newest = firstNumber;
  const plain = new PlainTable();
  plain.limit = limit;
  const tags = new Map<string, number>();
  let mostLimit = limit;
  steps.forEach((step, i) => {
    if ('resize' in step) {
      table.resize(step.resize);
      plain.resize(step.resize);
      mostLimit = Math.max(mostLimit, step.resize);
    } else {
      // The step is part of the name, so that no two entries are alike.
      const entry = [`${i}${step.add[0]}`, step.add[1]] as const;
      add(table, ...entry, -i);
      plain.add(entry);
      tags.set(lineOf(entry), -i);
    }
    const expected = plain.entries.map((entry) => ({ line: lineOf(entry), tag: tags.get(lineOf(entry))! }));
    if (JSON.stringify(contents(table)) !== JSON.stringify(expected))
      throw new Error(`after step ${i}: ${JSON.stringify(contents(table))} instead of ${JSON.stringify(expected)}`);
    if (table.bytes.length > 2 * mostLimit) throw new Error(`${table.bytes.length} bytes for a table of ${mostLimit}`);
    if (table.mask > Math.max(8, mostLimit / 16)) throw new Error(`${table.mask + 1} entries`);
  });
}

const limits = fc.oneof(fc.constantFrom(0, 32, 33, 64, 100, 4096), fc.integer({ min: 100, max: 1500 }));
const text = (most: number) =>
  fc.integer({ min: 0, max: most }).map((length) => 'abcdefghij'.repeat(length / 10 + 1).slice(0, length));
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ add: fc.tuple(text(20), fc.oneof(text(30), text(300), fc.constantFrom('a', 'ab'))) }),
  },
  { weight: 1, arbitrary: fc.record({ resize: limits }) },
);
const anyCase = fc.record({ limit: limits, steps: fc.array(anyStep, { maxLength: 150, size: 'max' }) });

t.test('it holds what a plain array would hold', async (t) => {
  holdsFor(t, anyCase, { runs: 600, show: (value) => JSON.stringify(value) }, ({ limit, steps }) =>
    check(steps, limit),
  );
});

t.test('lines that just fit, or just do not, are not written over each other', async (t) => {
  const value = (length: number) => ({ add: ['', 'x'.repeat(length)] as const });
  for (let length = 0; length < 60; length++)
    for (let more = 0; more < 4; more++) {
      const steps = Array.from({ length: 40 }, (_, i) => value(i % 3 === 0 ? length + more : length));
      for (const limit of [200, 400]) check(steps, limit);
    }
  // As many lines of 20 bytes as the first piece of memory has room for, and then one for which some of them have to go.
  const lines = Array.from({ length: 25 }, (_, i) => value(i < 10 ? 15 : 14));
  for (let length = 0; length < 100; length++) check([...lines, value(length)], 25 * 48);
  t.pass('all of them');
});

t.test('it goes on when the numbers of entries go round', async (t) => {
  holdsFor(t, anyCase, { runs: 50, show: (value) => JSON.stringify(value) }, ({ limit, steps }) =>
    check(steps, limit, 0x7fff_ffff - 40),
  );
});

t.test('a table that has its size takes no other memory', async (t) => {
  const table = new DynamicTable(4096);
  for (let i = 0; i < 1000; i++) add(table, 'name', 'v'.repeat(i % 900), i);
  const { bytes, entries } = table;
  for (let i = 0; i < 10_000; i++) add(table, 'name', 'v'.repeat((i * 7) % 900), i);
  t.equal(table.bytes, bytes);
  t.equal(table.entries, entries);
});
