/**
 * The Huffman code of RFC 7541 Appendix B. It is canonical: codes grow with their length, and within a length with their
 * symbol. So the lengths say it all; symbol 256 is EOS.
 */
const symbolsOfLength: readonly (readonly [bits: number, symbols: string])[] = [
  [5, '48-50 97 99 101 105 111 115-116'],
  [6, '32 37 45-47 51-57 61 65 95 98 100 102-104 108-110 112 114 117'],
  [7, '58 66-87 89 106-107 113 118-122'],
  [8, '38 42 44 59 88 90'],
  [10, '33-34 40-41 63'],
  [11, '39 43 124'],
  [12, '35 62'],
  [13, '0 36 64 91 93 126'],
  [14, '94 125'],
  [15, '60 96 123'],
  [19, '92 195 208'],
  [20, '128 130-131 162 184 194 224 226'],
  [21, '153 161 167 172 176-177 179 209 216-217 227 229-230'],
  [22, '129 132-134 136 146 154 156 160 163-164 169-170 173 178 181 185-187 189-190 196 198 228 232-233'],
  [23, '1 135 137-141 143 147 149-152 155 157-158 165-166 168 174-175 180 182-183 188 191 197 231 239'],
  [24, '9 142 144-145 148 159 171 206 215 225 236-237'],
  [25, '199 207 234-235'],
  [26, '192-193 200-202 205 210 213 218-219 238 240 242-243 255'],
  [27, '203-204 211-212 214 221-223 241 244-248 250-254'],
  [28, '2-8 11-12 14-21 23-31 127 220 249'],
  [30, '10 13 22 256'],
];

export const endOfString = 256;

/** Codes as text of 0 and 1, by symbol. */
export const huffmanCodes: readonly string[] = assignCodes();
const symbolOfCode = new Map(huffmanCodes.map((code, symbol) => [code, symbol]));

function assignCodes(): string[] {
  const codes: string[] = [];
  let code = 0;
  let lastBits = 0;
  for (const [bits, symbols] of symbolsOfLength) {
    code *= 2 ** (bits - lastBits);
    lastBits = bits;
    for (const range of symbols.split(' ')) {
      const [first, last = first] = range.split('-').map(Number) as [number, number?];
      for (let symbol = first; symbol <= last!; symbol++) codes[symbol] = (code++).toString(2).padStart(bits, '0');
    }
  }
  return codes;
}

/** Encodes bytes; the last one is filled up with the beginning of EOS. */
export function huffmanEncode(bytes: Buffer): Buffer {
  let bits = '';
  for (const byte of bytes) bits += huffmanCodes[byte]!;
  return bitsToBytes(bits.padEnd(Math.ceil(bits.length / 8) * 8, '1'));
}

export function bitsToBytes(bits: string): Buffer {
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** Decodes; throws for EOS within, and for padding that is longer than 7 bits or not of ones (RFC 7541 §5.2). */
export function huffmanDecode(bytes: Buffer): Buffer {
  const symbols: number[] = [];
  let code = '';
  for (const byte of bytes)
    for (const bit of byte.toString(2).padStart(8, '0')) {
      code += bit;
      const symbol = symbolOfCode.get(code);
      if (symbol === undefined) continue;
      if (symbol === endOfString) throw new Error('EOS in a Huffman-coded string');
      symbols.push(symbol);
      code = '';
    }
  if (code.length > 7) throw new Error('more than 7 bits of padding behind a Huffman-coded string');
  if (code.includes('0')) throw new Error('padding that is not the beginning of EOS');
  return Buffer.from(symbols);
}
