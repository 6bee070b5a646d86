import { codeLengths, codes, endOfString, longestCode, symbols } from './huffman-code.ts';

/**
 * Twelve bits are looked up at once: in usual text they hold two symbols. A place of the table says which, how many, and
 * how many bits they take; it is 0 when the first code is longer than that, which is rare (`@`, `{`, bytes above 127). A
 * state machine that takes whole bytes needs 10 % less time and, with 256 KB, most of the cache.
 *
 *   bits 0..7 first symbol | 8..15 second symbol | 16..17 how many | 18..21 bits of the first | 22..25 bits of all
 */
const stepBits = 12;
const step = new Int32Array(1 << stepBits);

for (const first of symbols) {
  const firstBits = codeLengths[first]!;
  if (firstBits > stepBits) break;
  const rest = stepBits - firstBits;
  const from = codes[first]! << rest;
  step.fill(first | (1 << 16) | (firstBits << 18) | (firstBits << 22), from, from + (1 << rest));
  for (const second of symbols) {
    const bits = firstBits + codeLengths[second]!;
    if (bits > stepBits) break;
    const at = from + (codes[second]! << (stepBits - bits));
    step.fill(first | (second << 8) | (2 << 16) | (firstBits << 18) | (bits << 22), at, at + (1 << (stepBits - bits)));
  }
}

/** For each length: one above the last code of that length, and what has to be added to a code for its place in `symbols`. */
const codeEnd = new Int32Array(longestCode + 1);
const toPlace = new Int32Array(longestCode + 1);
symbols.forEach((symbol, place) => {
  const length = codeLengths[symbol]!;
  codeEnd[length] = codes[symbol]! + 1;
  toPlace[length] = place - codes[symbol]!;
});

/** The most bytes that `size` bytes of code stand for, and one that is written beyond them for nothing. */
export function mostDecoded(size: number): number {
  return ((size * 8) / 5 + 2) | 0;
}

/**
 * Decodes `from..to` to `out` from `at` on and returns where it ends there, or -1 when it is no such string. `out` needs
 * room for `mostDecoded`.
 */
export function decodeHuffman(bytes: Buffer, from: number, to: number, out: Buffer, at: number): number {
  // The last `bits` bits of `window` are read but not decoded.
  let window = 0;
  let bits = 0;
  while (true) {
    if (bits <= 16) {
      if (from + 1 < to) {
        window = (window << 16) | (bytes[from]! << 8) | bytes[from + 1]!;
        from += 2;
        bits += 16;
      } else if (from < to) {
        window = (window << 8) | bytes[from++]!;
        bits += 8;
      }
      if (bits < stepBits) break;
    }
    const found = step[(window >>> (bits - stepBits)) & ((1 << stepBits) - 1)]!;
    if (found !== 0) {
      // The second one is always written and the count decides whether it stays: no branch that could be guessed wrong.
      out[at] = found;
      out[at + 1] = found >>> 8;
      at += (found >>> 16) & 3;
      bits -= found >>> 22;
      continue;
    }
    let left = bits + (to - from) * 8;
    const symbol = longSymbol(bytes, to, left);
    if (symbol === -1) return -1;
    out[at++] = symbol;
    left -= codeLengths[symbol]!;
    from = to - (left >>> 3);
    bits = left & 7;
    window = bytes[from - 1]!;
  }
  while (true) {
    // What is missing counts as padding, which has the bits of the end of a string.
    const padded = (window << (stepBits - bits)) | ((1 << (stepBits - bits)) - 1);
    const found = step[padded & ((1 << stepBits) - 1)]!;
    const firstBits = (found >>> 18) & 15;
    if (found === 0 || firstBits > bits) break;
    out[at++] = found;
    bits -= firstBits;
  }
  const padding = (1 << bits) - 1;
  return bits < 8 && (window & padding) === padding ? at : -1;
}

/** The symbol that begins `left` bits before `to`; -1 when it is cut off, or the end of a string. */
function longSymbol(bytes: Buffer, to: number, left: number): number {
  let code = 0;
  for (let length = 1; length <= longestCode && length <= left; length++) {
    const bit = left - length;
    code = (code << 1) | ((bytes[to - 1 - (bit >>> 3)]! >>> (bit & 7)) & 1);
    if (code < codeEnd[length]!) {
      const symbol = symbols[code + toPlace[length]!]!;
      return symbol === endOfString ? -1 : symbol;
    }
  }
  return -1;
}
