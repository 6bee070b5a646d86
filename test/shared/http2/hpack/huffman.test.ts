import fc from 'fast-check';
import t from 'tap';
import { codeLengths, codes } from '../../../../shared/http2/hpack/huffman-code.ts';
import { decodeHuffman, mostDecoded } from '../../../../shared/http2/hpack/huffman-decode.ts';
import { escaped, holdsFor } from '../../../harness/property.ts';
import { huffmanRows } from './huffman-rows.ts';
import { plainFromHuffman, plainHuffman } from './plain-hpack.ts';

/** Decodes bytes that stand between others, into no more room than is asked for. */
function decode(bytes: Buffer): string | null {
  const around = Buffer.alloc(3, 0x55);
  const out = Buffer.alloc(2 + mostDecoded(bytes.length), 0xaa);
  const end = decodeHuffman(Buffer.concat([around, bytes, around]), 3, 3 + bytes.length, out, 2);
  return end === -1 ? null : out.toString('latin1', 2, end);
}

function plainDecode(bytes: Buffer): string | null {
  try {
    return plainFromHuffman(bytes);
  } catch {
    return null;
  }
}

const bits = (text: string) => {
  const all = text.replaceAll(' ', '');
  return Buffer.from(Array.from({ length: all.length / 8 }, (_, i) => Number.parseInt(all.slice(i * 8, i * 8 + 8), 2)));
};

t.test('every code is the one that RFC 7541 lists', async (t) => {
  t.equal(codes.length, 257);
  t.strictSame(
    huffmanRows.map(({ code, bits }) => [code, bits]),
    [...codes].map((code, symbol) => [code, codeLengths[symbol]]),
  );
});

t.test('every byte is decoded, alone and behind another', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const char = String.fromCharCode(byte);
    for (const text of [char, `0${char}`, `~${char}`, char.repeat(9), `a${char}b${char}c`])
      t.equal(decode(plainHuffman(text)), text, escaped(text));
  }
});

t.test('every pair of bytes is decoded', async (t) => {
  let wrong = 0;
  for (let pair = 0; pair < 65_536; pair++) {
    const text = String.fromCharCode(pair >> 8, pair & 255);
    if (decode(plainHuffman(text)) !== text) wrong++;
  }
  t.equal(wrong, 0);
});

const anyText = fc
  .oneof(fc.uint8Array({ maxLength: 60 }), fc.array(fc.integer({ min: 32, max: 126 }), { maxLength: 200 }))
  .map((bytes) => Buffer.from(bytes).toString('latin1'));

t.test('what is encoded is decoded', async (t) => {
  holdsFor(t, anyText, { runs: 2000, show: escaped }, (text) => {
    const decoded = decode(plainHuffman(text));
    if (decoded !== text) throw new Error(`comes back as ${decoded === null ? 'an error' : escaped(decoded)}`);
  });
});

const anyBytes = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));

t.test('bytes that nobody encoded are taken or refused as the plain decoder does', async (t) => {
  holdsFor(t, anyBytes, { runs: 5000, show: escaped }, (bytes) => {
    if (decode(bytes) !== plainDecode(bytes)) throw new Error(`${decode(bytes)} instead of ${plainDecode(bytes)}`);
  });
  // Ones, the beginning of all long codes, are where it gets difficult.
  const nearOnes = anyBytes.map((bytes) => bytes.map((byte, i) => (i % 4 < 3 ? 0xff : byte)) as Buffer);
  holdsFor(t, nearOnes, { runs: 5000, show: escaped }, (bytes) => {
    if (decode(bytes) !== plainDecode(bytes)) throw new Error(`${decode(bytes)} instead of ${plainDecode(bytes)}`);
  });
});

t.test('a string cut at any byte is taken or refused as the plain decoder does', async (t) => {
  const encoded = plainHuffman('GET /caf\xe9/\x00{"a":[1]}@~\xff www.example.com');
  for (let cut = 0; cut < encoded.length; cut++) {
    const bytes = encoded.subarray(0, cut);
    t.equal(decode(bytes), plainDecode(bytes), `cut at ${cut}`);
  }
});

t.test('strings that end wrong are refused', async (t) => {
  const a = '00011';
  t.equal(decode(bits(`${a} 111`)), 'a');
  t.equal(decode(bits('00000 00001 00010 1')), '012', 'padding of one bit');
  t.equal(decode(bits(`${a}${a}${a}${a}${a} 1111111`)), 'aaaaa', 'padding of seven bits');
  for (const [text, why] of [
    [`${a} 110`, 'padding that is not all ones'],
    [`${a} 000`, 'padding of zeros'],
    [`${a} 011`, 'padding that begins with a zero'],
    [`${a} 111 11111111`, 'padding of a byte and more'],
    ['11111111', 'nothing but a byte of padding'],
    ['1'.repeat(32), 'the end of a string, alone'],
    [`${a} ${'1'.repeat(30)} 11111`, 'the end of a string at the end'],
    [`${'1'.repeat(30)} ${a} 11111`, 'the end of a string at the beginning'],
    [`${a}${a}${a}${'1'.repeat(30)}${a} 11111 1`.padEnd(64, '1'), 'the end of a string within'],
    ['11111111 11000000', 'a code and zeros'],
    ['11111111 11111111', 'a long code that is cut off'],
  ] as const)
    t.equal(decode(bits(text)), null, why);
  t.equal(decode(Buffer.alloc(0)), '', 'an empty string is one');
});
