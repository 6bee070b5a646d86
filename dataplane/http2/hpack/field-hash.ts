/** From a few bytes of a name in any case, for a search that goes on to compare. */
export function hashName(view: DataView, from: number, to: number): number {
  const length = to - from;
  if (length < 4) return mix(lastBytes(view, from, to) | 0x20202020);
  const first = view.getInt32(from, true) | 0x20202020;
  return mix(mix(first ^ length) ^ (view.getInt32(to - 4, true) | 0x20202020));
}

/** From the hash of the name and a few bytes of the value, for a search that goes on to compare. */
export function hashField(nameHash: number, view: DataView, from: number, to: number): number {
  const length = to - from;
  if (length < 4) return mix(nameHash ^ lastBytes(view, from, to));
  const rest = length - 4;
  const ends = Math.imul(nameHash ^ view.getInt32(from, true), 0x85ebca6b) + view.getInt32(to - 4, true);
  const middle =
    Math.imul(view.getInt32(from + (rest >>> 1), true) ^ length, 0xc2b2ae35) + view.getInt32(from + (rest >>> 2), true);
  return mix(ends ^ mix(middle));
}

/** From the hash of the name and every byte of the value. */
export function hashWhole(nameHash: number, view: DataView, from: number, to: number): number {
  const length = to - from;
  if (length < 4) return mix(nameHash ^ lastBytes(view, from, to));
  let hash = nameHash ^ length;
  for (let i = from; i < to - 4; i += 4) hash = mix(hash ^ view.getInt32(i, true));
  return mix(hash ^ view.getInt32(to - 4, true));
}

/** At most three bytes as a word, which also tells how many they are. */
function lastBytes(view: DataView, from: number, to: number): number {
  let word = 1;
  for (let i = from; i < to; i++) word = (word << 8) | view.getUint8(i);
  return word;
}

/** Spreads each bit over the low ones, which choose a place. */
function mix(word: number): number {
  const product = Math.imul(word, 0x9e3779b1);
  return product ^ (product >>> 15);
}
