/** Hashes of names and fields. The first two look at a few bytes only: who finds something by them compares it. */

export function hashName(view: DataView, from: number, length: number): number {
  // Bit 5 is all that tells a capital from a small letter.
  if (length < 4) return mix(fewBytes(view, from, length) | 0x20202020);
  const first = view.getInt32(from, true) | 0x20202020;
  const last = view.getInt32(from + length - 4, true) | 0x20202020;
  return mix(mix(first ^ length) ^ last);
}

export function hashField(nameHash: number, view: DataView, from: number, length: number): number {
  if (length < 4) return mix(nameHash ^ fewBytes(view, from, length));
  const last = length - 4;
  const ends = Math.imul(nameHash ^ view.getInt32(from, true), 0x85ebca6b) + view.getInt32(from + last, true);
  const within = mix(view.getInt32(from + (last >>> 1), true) ^ length) ^ view.getInt32(from + (last >>> 2), true);
  return mix(ends ^ mix(within));
}

/** A hash of the field with every byte of its value. */
export function hashWhole(nameHash: number, view: DataView, from: number, length: number): number {
  if (length < 4) return mix(nameHash ^ fewBytes(view, from, length));
  const last = from + length - 4;
  let hash = nameHash ^ length;
  for (let i = from; i < last; i += 4) hash = mix(hash ^ view.getInt32(i, true));
  return mix(hash ^ view.getInt32(last, true));
}

/** At most three bytes, and how many they are. */
function fewBytes(view: DataView, from: number, length: number): number {
  let word = 1;
  for (let i = 0; i < length; i++) word = (word << 8) | view.getUint8(from + i);
  return word;
}

/** Lets every bit have a part in the low ones, which choose a place. */
function mix(word: number): number {
  const product = Math.imul(word, 0x9e3779b1);
  return product ^ (product >>> 15);
}
