import t from 'tap';
import { HpackDecoder } from './decoder.ts';
import { headerBlock, indexed, integer, literal, literalOf, stringLiteral, tableSize } from './encode.ts';
import type { Field } from './field.ts';
import { bitsToBytes, huffmanCodes, huffmanDecode, huffmanEncode } from './huffman.ts';
import { staticTable } from './static-table.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

t.test('the static table has 61 entries in the places of the RFC', async (t) => {
  t.equal(staticTable.length, 61);
  t.strictSame(staticTable[0], [':authority', '']);
  t.strictSame(staticTable[15], ['accept-encoding', 'gzip, deflate']);
  t.strictSame(staticTable[60], ['www-authenticate', '']);
});

t.test('the Huffman code is whole: no code begins another, and none is left over', async (t) => {
  t.equal(huffmanCodes.length, 257);
  t.equal(
    huffmanCodes.reduce((sum, code) => sum + 2 ** -code.length, 0),
    1,
  );
  t.equal(Number.parseInt(huffmanCodes[0]!, 2), 0x1ff8);
  t.equal(Number.parseInt(huffmanCodes[249]!, 2), 0xffffffe);
  t.equal(huffmanCodes[256], '1'.repeat(30));
  const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  t.strictSame(huffmanDecode(huffmanEncode(all)), all);
});

t.test('the examples of RFC 7541 Appendix C read as they should', async (t) => {
  t.strictSame(integer(1337, 5), hex('1f 9a 0a'));
  t.strictSame(huffmanEncode(Buffer.from('www.example.com')), hex('f1e3 c2e5 f23a 6ba0 ab90 f4ff'));
  const requests = new HpackDecoder();
  t.strictSame(requests.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')), [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ]);
  t.strictSame(requests.decode(hex('8286 84be 5886 a8eb 1064 9cbf')).slice(3), [
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ]);
  t.strictSame(requests.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')).slice(2), [
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ]);
  t.strictSame(new HpackDecoder().decode(hex('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')), [
    ['custom-key', 'custom-header'],
  ]);
});

t.test('every representation comes back as the field it was made of', async (t) => {
  const field: Field = ['x-a', 'b\0\xff'];
  const decoder = new HpackDecoder();
  for (const kind of ['plain', 'add', 'never'] as const)
    for (const isHuffman of [false, true])
      t.strictSame(decoder.decode(literal(field, kind, isHuffman)), [field], `${kind} ${isHuffman}`);
  t.strictSame(decoder.decode(Buffer.concat([indexed(62), indexed(2), literalOf(62, 'c')])), [
    field,
    [':method', 'GET'],
    ['x-a', 'c'],
  ]);
  t.strictSame(decoder.decode(headerBlock([field, ['', '']])), [field, ['', '']]);
  const long: Field = ['x', 'v'.repeat(100_000)];
  t.strictSame(decoder.decode(literal(long)), [long]);
});

t.test(
  'entries leave the dynamic table when it is full, made smaller, or emptied by one that is too large',
  async (t) => {
    const decoder = new HpackDecoder(100);
    const add = (name: string, length: number) => decoder.decode(literal([name, 'v'.repeat(length)], 'add'));
    add('a', 10); // 43 bytes
    add('b', 10);
    t.equal(decoder.decode(indexed(63))[0]?.[0], 'a');
    add('c', 10);
    t.equal(decoder.decode(indexed(63))[0]?.[0], 'b');
    t.throws(() => decoder.decode(indexed(64)), /index 64/);
    decoder.decode(tableSize(43));
    t.throws(() => decoder.decode(indexed(63)), /index 63/);
    add('d', 100);
    t.throws(() => decoder.decode(indexed(62)), /index 62/);
  },
);

t.test('what the RFC calls an error is one', async (t) => {
  const faults: Readonly<Record<string, Buffer>> = {
    'index 0': indexed(0),
    'which no table has': indexed(62),
    'a table of 4097 bytes': tableSize(4097),
    'behind a field': Buffer.concat([indexed(2), tableSize(0)]),
    'ends within a field': hex('40'),
    'ends within a string': hex('4003 61'),
    'too large': Buffer.concat([hex('ff'), hex('ffffffff7f')]),
    'too long': Buffer.concat([hex('ff'), Buffer.alloc(20, 0x80)]),
    EOS: Buffer.concat([hex('0001 61 84'), bitsToBytes(`${huffmanCodes[256]!}11`)]),
    'more than 7 bits': Buffer.concat([hex('0001 61 82'), hex('1fff')]),
    'not the beginning of EOS': Buffer.concat([hex('0001 61 81'), hex('18')]),
  };
  for (const [words, block] of Object.entries(faults))
    t.throws(() => new HpackDecoder().decode(block), { message: new RegExp(words) }, words);
  t.strictSame(stringLiteral('a'), hex('01 61'));
});
