import fc, { type Arbitrary } from 'fast-check';
import t from 'tap';
import { HpackEncoder } from '../../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../../shared/http2/hpack/indexing.ts';
import { holdsFor } from '../../../harness/property.ts';
import { decode, encode, newDecoder, type SentField, tableOf } from './blocks.ts';
import { type PlainChoice, PlainDecoder, PlainEncoder, plainDecode } from './plain-hpack.ts';

const names = [':path', ':status', 'cookie', 'Cookie', 'authorization', 'x-id', 'X-Id', 'te', 'n'];
const values = ['', '/', '200', 'trailers', 'v', 'a=b; c=d; e=f; g=h; i=j', 'w'.repeat(130)];
const anyByte = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Few enough that much recurs. */
const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: anyByte(40) });
const value = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: anyByte(300) });

const show = (found: unknown) => JSON.stringify(found);

function mustBeSame(found: unknown, expected: unknown, what: string): void {
  if (show(found) !== show(expected)) throw new Error(`${what}: ${show(found)} instead of ${show(expected)}`);
}

type SentBlock = { readonly limits: readonly number[]; readonly fields: readonly SentField[] };

const sentBlock: Arbitrary<SentBlock> = fc.record({
  limits: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(fc.constantFrom(0, 40, 64, 200, 4096))),
  fields: fc.array(fc.tuple(name, value, fc.constantFrom(...Object.values(Indexing), Indexing.auto, Indexing.auto))),
});

const isSecret = ([name, value, indexing]: SentField) =>
  indexing === Indexing.never ||
  ['authorization', 'proxy-authorization', 'set-cookie'].includes(name.toLowerCase()) ||
  (name.toLowerCase() === 'cookie' && value.length < 20);

const lowered = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

t.test('what the encoder writes, both decoders read, whatever limits come between', async (t) => {
  const connection = fc.record({
    tableBytes: fc.constantFrom(0, 64, 4096, 8192),
    blocks: fc.array(sentBlock, { maxLength: 12, size: 'max' }),
  });
  holdsFor(t, connection, { runs: 400, show }, ({ tableBytes, blocks }) => {
    const encoder = new HpackEncoder(tableBytes);
    const decoder = newDecoder();
    const plain = new PlainDecoder();
    for (const { limits, fields } of blocks) {
      for (const limit of limits) encoder.limit(limit);
      const block = encode(encoder, fields);
      const expected = fields.map((field) => ({
        name: lowered(field[0]),
        value: field[1],
        isNeverIndexed: isSecret(field),
      }));
      mustBeSame(decode(decoder, block), expected, 'the decoder');
      mustBeSame(plain.decode(block), expected, 'the plain decoder');
      for (const [name, value] of plain.table.entries)
        if (isSecret([name, value])) throw new Error(`${name} is in the table`);
    }
  });
});

type PlainBlock = {
  readonly limits: readonly number[];
  readonly fields: readonly (readonly [name: string, value: string, choice: PlainChoice])[];
};

const choice: Arbitrary<PlainChoice> = fc.record({
  how: fc.constantFrom('indexing', 'without', 'never'),
  isHuffman: fc.boolean(),
});
const plainBlock: Arbitrary<PlainBlock> = fc.record({
  limits: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    fc.array(fc.constantFrom(0, 40, 64, 200, 4096), { maxLength: 2 }),
  ),
  fields: fc.array(fc.tuple(name, value, choice)),
});

t.test('the decoder reads all that another encoder may write, and has the same table', async (t) => {
  holdsFor(t, fc.array(plainBlock, { maxLength: 12, size: 'max' }), { runs: 400, show }, (blocks) => {
    const encoder = new PlainEncoder();
    const decoder = newDecoder();
    const plain = new PlainDecoder();
    for (const { limits, fields } of blocks) {
      const updates = limits.map((limit) => encoder.resize(limit));
      const block = Buffer.concat([
        ...updates,
        encoder.encode(
          fields.map(([name, value]) => [name, value]),
          (i) => fields[i]![2],
        ),
      ]);
      mustBeSame(decode(decoder, block), plain.decode(block), 'the decoder');
      mustBeSame(
        tableOf(decoder),
        plain.table.entries.map(([name, value]) => `${name}: ${value}`),
        'the table',
      );
    }
  });
});

t.test('bytes that nobody encoded are taken or refused as the plain decoder does', async (t) => {
  // Small octets are indexes, lengths and names of few bytes: there is more to be read from them.
  const octet = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0x00, 0x01, 0x02, 0x40, 0x10, 0x82, 0xbe, 0xbf),
  );
  const blocks = fc.array(fc.array(octet, { maxLength: 30 }), { maxLength: 3 });
  holdsFor(t, blocks, { runs: 10_000, show }, (octets) => {
    const decoder = newDecoder();
    const plain = new PlainDecoder();
    for (const block of octets.map((list) => Buffer.from(list))) {
      const expected = plainDecode(plain, block);
      const found = decode(decoder, block);
      mustBeSame(typeof found === 'string' ? null : found, expected, 'the decoder');
      if (expected === null) return;
    }
  });
});
