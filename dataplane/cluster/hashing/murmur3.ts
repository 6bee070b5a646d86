/**
 * MurmurHash3 in its 32-bit form (Appleby 2011, public domain), of which the upper 31 bits are kept: such a number is
 * never boxed. Spreads short keys well and costs some 10 ns; it is no protection against keys chosen to collide, which
 * would only send their sender's requests to one instance.
 */
export function hashBytes(bytes: Uint8Array, from: number, to: number, seed = 0): number {
  let hash = seed;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash ^= scramble(block);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let i = to - 1; i >= at; i--) tail = (tail << 8) | bytes[i]!;
  if (at < to) hash ^= scramble(tail);
  hash ^= to - from;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 1;
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

export function hashText(text: string, seed = 0): number {
  const bytes = Buffer.from(text);
  return hashBytes(bytes, 0, bytes.length, seed);
}
