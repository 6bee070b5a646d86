import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { BlockCache } from '../../../dataplane/http2/block-cache.ts';
import { classifyField } from '../../../dataplane/http2/field-kind.ts';
import { TrailerReader } from '../../../dataplane/http2/trailer-reader.ts';
import { Head } from '../../../dataplane/message/head.ts';
import { HpackDecoder } from '../../../shared/http2/hpack/decoder.ts';
import { HpackDecoder as PlainDecoder } from '../../harness/http2/hpack/decoder.ts';
import { indexed, literal, tableSize } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import { holdsFor } from '../../harness/property.ts';
import { fieldsIn, usualLimits } from './assembling.ts';

const mostBlockBytes = 256;

function cacheWith(block: Buffer, isEnd: boolean, generation: number) {
  const cache = new BlockCache<Head>();
  const head = new Head();
  cache.find(block, 0, block.length, isEnd, generation);
  cache.keep(block, 0, block.length, isEnd, generation, head);
  const find = (bytes: Buffer, end: boolean, at: number) => cache.find(bytes, 0, bytes.length, end, at) === head;
  return { cache, head, find };
}

t.test(
  'a block is known by its bytes, by whether it ends the stream, and while the table stays as it is',
  async (t) => {
    const { find, head, cache } = cacheWith(Buffer.from('block'), true, 7);
    t.ok(find(Buffer.from('block'), true, 7));
    t.not(head.sharedId, 0);
    t.notOk(find(Buffer.from('block'), false, 7));
    t.notOk(find(Buffer.from('block'), true, 8));
    t.notOk(find(Buffer.from('block'), true, 6));
    for (const other of ['blocl', 'bloc', 'blocks', '']) t.notOk(find(Buffer.from(other), true, 7), other);
    cache.clear();
    t.notOk(find(Buffer.from('block'), true, 7));
  },
);

t.test('what is kept is a copy', async (t) => {
  const block = Buffer.from('block');
  const { find } = cacheWith(block, true, 0);
  block.fill(0);
  t.notOk(find(block, true, 0));
  t.ok(find(Buffer.from('block'), true, 0));
});

t.test('a block is worth keeping when it comes for the second time', async (t) => {
  const cache = new BlockCache<Head>();
  const see = (text: string) => {
    cache.find(Buffer.from(text), 0, text.length, true, 0);
    return cache.isRepeated;
  };
  t.strictSame([see('a'), see('a'), see('b'), see('b'), see('a')], [false, true, false, true, true]);
});

t.test(`blocks of up to ${mostBlockBytes} bytes are looked for`, async (t) => {
  for (const [size, isKnown] of [
    [mostBlockBytes, true],
    [mostBlockBytes + 1, false],
  ] as const) {
    const block = Buffer.alloc(size, 'x');
    t.equal(cacheWith(block, true, 0).find(block, true, 0), isKnown);
  }
});

/** A field of a block, by how it is written: new to the table, of it, apart from it. Or a change of the table's size. */
type Step = { readonly form: 'add' | 'plain' | 'never' | 'indexed' | 'size'; readonly number: number };

const step: fc.Arbitrary<Step> = fc.record({
  form: fc.constantFrom('add' as const, 'plain' as const, 'never' as const, 'indexed' as const, 'size' as const),
  number: fc.nat({ max: 3 }),
});
/** Few different blocks, so that they come again. */
const blocks = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });
const order = fc.array(fc.nat({ max: 3 }), { minLength: 2, maxLength: 40 });

function bytesOf(steps: readonly Step[]): Buffer {
  const sizes = steps.filter(({ form }) => form === 'size').slice(0, 1);
  const fields = steps.filter(({ form }) => form !== 'size');
  return Buffer.concat([
    ...sizes.map(({ number }) => tableSize([0, 80, 200, 4096][number]!)),
    ...fields.map(({ form, number }) => {
      const field: Field = [`x-${number}`, 'v'.repeat(number)];
      return form === 'indexed' ? indexed(62 + number) : literal(field, form as 'add');
    }),
  ]);
}

t.test('sections that come again read as without a memory of them, whatever happens to the table', async (t) => {
  const show = ([kinds, places]: [Step[][], number[]]) =>
    `${kinds.map((steps) => bytesOf(steps).toString('hex')).join(' ')} in the order ${places.join(' ')}`;
  holdsFor(t, fc.tuple(blocks, order), { runs: 3000, show }, ([kinds, places]) => {
    const reader = new TrailerReader(new HpackDecoder(4096, classifyField), usualLimits);
    const plain = new PlainDecoder();
    for (const place of places) {
      const block = bytesOf(kinds[place % kinds.length]!);
      let wanted: Field[] | 'lost';
      try {
        wanted = plain.decode(block);
      } catch {
        wanted = 'lost';
      }
      const section = reader.read(block, 0, block.length);
      deepStrictEqual(typeof section === 'string' ? section : fieldsIn(section), wanted);
      if (wanted === 'lost') return;
    }
  });
});
