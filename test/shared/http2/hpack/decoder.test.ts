import t from 'tap';
import { HpackDecoder } from '../../../../shared/http2/hpack/decoder.ts';
import { decode, hex, newDecoder, tableOf } from './blocks.ts';
import { PlainDecoder, PlainEncoder, plainDecode, plainInteger } from './plain-hpack.ts';

const enter = (name: string, value: string) => {
  const encoder = new PlainEncoder();
  return encoder.encode([[name, value]], () => ({ how: 'indexing', isHuffman: false }));
};

t.test('an index that stands for no field is refused', async (t) => {
  for (const [block, trouble] of [
    ['80', 'index 0'],
    ['be', 'an index beyond the table'],
    ['ff00', 'an index beyond the table'],
    ['7f 00 00', 'an index beyond the table'],
    ['0f 2f 00', 'an index beyond the table'],
    ['1f 2f 00', 'an index beyond the table'],
    ['7e 00', 'an index beyond the table'],
  ] as const)
    t.equal(decode(newDecoder(), hex(block)), trouble, block);
  const decoder = newDecoder();
  decode(decoder, enter('a', 'b'));
  t.strictSame(decode(decoder, hex('be')), [{ name: 'a', value: 'b', isNeverIndexed: false }]);
  t.equal(decode(decoder, hex('bf')), 'an index beyond the table');
  t.equal(decode(decoder, hex('be80')), 'index 0', 'behind a good one');
});

t.test('integers have a bound, in octets and so in value', async (t) => {
  const field = [{ name: ':method', value: 'GET', isNeverIndexed: false }];
  t.strictSame(decode(newDecoder(), hex('82')), field);
  for (const [block, trouble] of [
    ['ff ffffff7f', 'an index beyond the table'],
    ['ff ffffffff', 'an integer of too many octets'],
    ['ff 80808080 00', 'an integer of too many octets'],
    ['ff ffffffff 0f', 'an integer of too many octets'],
    ['3f ffffffff 0f', 'an integer of too many octets'],
    ['00 7f ffffffff 0f', 'an integer of too many octets'],
    ['00 0161 7f ffffffff 0f', 'an integer of too many octets'],
    ['0f ffffffff 0f', 'an integer of too many octets'],
    ['00 7f ffffff7f', 'a string that is cut off'],
    ['00 ff ffffff7f', 'a string that is cut off'],
  ] as const)
    t.equal(decode(newDecoder(), hex(block)), trouble, block);
  const value = 'v'.repeat(127);
  const padded = Buffer.concat([hex('00 0161 7f 808000'), Buffer.from(value)]);
  t.strictSame(decode(newDecoder(), padded), [{ name: 'a', value, isNeverIndexed: false }], 'zeros that say nothing');
});

t.test('a block cut at any byte is taken or refused as the plain decoder does', async (t) => {
  const encoder = new PlainEncoder();
  const long = 'x'.repeat(200);
  const block = Buffer.concat([
    encoder.resize(0),
    encoder.resize(300),
    encoder.encode(
      [
        [':method', 'GET'],
        ['first', 'value'],
        ['first', 'value'],
        ['first', long],
        ['cookie', 'a=b'],
        [long, 'caf\xe9'],
        ['last', ''],
      ],
      (i) => ({ how: (['indexing', 'without', 'never'] as const)[i % 3]!, isHuffman: i % 2 === 1 }),
    ),
  ]);
  for (let cut = 0; cut <= block.length; cut++) {
    const decoder = newDecoder();
    const decoded = decode(decoder, block.subarray(0, cut));
    const expected = plainDecode(new PlainDecoder(), block.subarray(0, cut)) ?? 'refused';
    t.strictSame(typeof decoded === 'string' ? 'refused' : decoded, expected, `cut at ${cut}`);
  }
});

t.test('updates of the table size stand at the beginning, are at most two, and no larger than announced', async (t) => {
  t.strictSame(decode(newDecoder(), hex('20')), []);
  t.strictSame(decode(newDecoder(), hex('20 3fe11f')), [], 'up to 4096, which need not be announced');
  t.equal(decode(newDecoder(), hex('3fe21f')), 'an update to a larger table than was announced');
  t.strictSame(decode(newDecoder(8192), hex('3fe13f')), []);
  t.equal(decode(newDecoder(8192), hex('3fe23f')), 'an update to a larger table than was announced');
  t.equal(decode(newDecoder(), hex('20 21 22')), 'more than two updates of the table size');
  t.equal(decode(newDecoder(), hex('82 20')), 'an update of the table size behind a field');
  t.equal(decode(newDecoder(), hex('20 82 20')), 'an update of the table size behind a field');
});

t.test('a peer that acknowledged a smaller table has to say that it uses it', async (t) => {
  const decoder = newDecoder(64);
  t.type(decode(decoder, enter('early', 'v'.repeat(100))), Array, 'it cannot know yet');
  t.strictSame(tableOf(decoder).length, 1);
  decoder.acknowledged();
  t.equal(decode(decoder, hex('82')), 'no update to the table size that was acknowledged');
  t.equal(decode(decoder, hex('3f22')), 'an update to a larger table than was announced');
  t.strictSame(decode(decoder, hex('3f21')), []);
  t.strictSame(tableOf(decoder), []);
  t.type(decode(decoder, hex('82')), Array, 'once is enough');
});

t.test('an entry larger than the table empties it', async (t) => {
  const decoder = newDecoder();
  decode(decoder, Buffer.concat([plainInteger(0x20, 5, 100), enter('a', 'b')]));
  t.strictSame(tableOf(decoder), ['a: b']);
  t.type(decode(decoder, enter('c', 'd'.repeat(68))), Array);
  t.strictSame(tableOf(decoder), []);
  decode(decoder, enter('c', 'd'.repeat(67)));
  t.strictSame(tableOf(decoder), [`c: ${'d'.repeat(67)}`], 'one that just fits stays');
});

t.test('a literal may take its name from the entry that it pushes out', async (t) => {
  const decoder = newDecoder();
  decode(decoder, Buffer.concat([plainInteger(0x20, 5, 64), enter('a-name', '1'.repeat(20))]));
  t.strictSame(decode(decoder, hex('7e 0132')), [{ name: 'a-name', value: '2', isNeverIndexed: false }]);
  t.strictSame(tableOf(decoder), ['a-name: 2']);
});

t.test('a literal that must never be indexed is told from others', async (t) => {
  const decoder = newDecoder();
  const block = hex('10 0161 0162  00 0161 0162  40 0161 0162  be  1f 2f 0163');
  t.strictSame(
    (decode(decoder, block) as { isNeverIndexed: boolean }[]).map(({ isNeverIndexed }) => isNeverIndexed),
    [true, false, false, false, true],
  );
  t.notOk(decoder.isNeverIndexed, 'only while it is told of');
});

t.test('a field is classified once, and indexed ones keep what was said', async (t) => {
  const asked: string[] = [];
  const classify = (line: Buffer, at: number, nameLength: number, valueLength: number) => {
    asked.push(line.toString('latin1', at, at + nameLength));
    return -(nameLength * 1000 + valueLength);
  };
  const decoder = new HpackDecoder(4096, classify);
  t.equal(asked.length, 61, 'of the static table, all');
  asked.length = 0;
  new HpackDecoder(4096, classify);
  t.equal(asked.length, 0, 'for the next connection, none of them again');
  const kinds: number[] = [];
  const sink = {
    onField: (_line: Buffer, _at: number, _name: number, _value: number, kind: number) => kinds.push(kind),
  };
  const block = hex('82  40 0161 0162  be be  04 022f61');
  t.equal(decoder.decode(block, 0, block.length, { onField: (...field) => void sink.onField(...field) }), null);
  t.strictSame(kinds, [-7003, -1001, -1001, -1001, -5002]);
  t.strictSame(asked, ['a', ':path']);
});

t.test('the generation changes with the table and not without', async (t) => {
  const decoder = newDecoder();
  const changes = (block: string) => {
    const before = decoder.generation;
    decode(decoder, hex(block));
    return decoder.generation !== before;
  };
  t.notOk(changes('82 00 0161 0162 10 0161 0162'));
  t.ok(changes('40 0161 0162'));
  t.notOk(changes('be'));
  t.ok(changes('3fe11f'), 'an update may change what later entries push out');
  t.ok(changes('20'));
});

t.test('literals of any length come whole', async (t) => {
  const encoder = new PlainEncoder();
  for (const length of [0, 1, 31, 32, 33, 126, 127, 128, 254, 255, 16_000, 16_384, 70_000, 1_000_000])
    for (const isHuffman of [false, true]) {
      const value = '0a~'.repeat(length / 3 + 1).slice(0, length);
      const block = encoder.encode([['x', value]], () => ({ how: 'without', isHuffman }));
      const decoded = decode(newDecoder(), block);
      const field = typeof decoded === 'string' ? decoded : decoded[0];
      // Not `strictSame`: it would print a megabyte.
      t.ok(typeof field === 'object' && field.value === value, `${length} bytes${isHuffman ? ', Huffman' : ''}`);
    }
});
