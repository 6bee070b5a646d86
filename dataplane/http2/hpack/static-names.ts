import { Entry, entryShift } from './dynamic-table.ts';
import { hashName } from './field-hash.ts';
import { separatorLength } from './field-sink.ts';
import { staticCount, staticEntries, staticLines } from './static-table.ts';
import { isSame, isSameName, Words } from './words.ts';

export const staticWords = new Words(staticLines);

/** Indexes by the hash of the name: the first one of each name, or 0; what finds its place taken goes to the next. */
const places = 256;
const indexes = new Uint8Array(places);
/** For each index that is the first of its name: the last one. */
const lastOfName = new Uint8Array(staticCount + 1);
/** Hash of the name at each index. */
export const staticNameHashes = new Int32Array(staticCount + 1);

for (let index = 1; index <= staticCount; index++) {
  const slot = index << entryShift;
  const from = staticEntries[slot + Entry.at]!;
  const to = from + staticEntries[slot + Entry.nameLength]!;
  const hash = hashName(staticWords.view, from, to);
  staticNameHashes[index] = hash;
  const known = findStaticName(hash, staticWords.view, from, to);
  lastOfName[known || index] = index;
  if (known !== 0) continue;
  let place = hash & (places - 1);
  while (indexes[place] !== 0) place = (place + 1) & (places - 1);
  indexes[place] = index;
}

/** The first index of a name, or 0. */
export function findStaticName(hash: number, name: DataView, from: number, to: number): number {
  for (let place = hash & (places - 1); ; place = (place + 1) & (places - 1)) {
    const index = indexes[place]!;
    if (index === 0) return 0;
    const slot = index << entryShift;
    if (
      staticNameHashes[index] === hash &&
      staticEntries[slot + Entry.nameLength] === to - from &&
      isSameName(name, from, staticWords.view, staticEntries[slot + Entry.at]!, to - from)
    )
      return index;
  }
}

/** The index of a field whose name is first at `nameIndex`, or 0. */
export function findStaticField(nameIndex: number, value: DataView, from: number, to: number): number {
  for (let index = nameIndex; index <= lastOfName[nameIndex]!; index++) {
    const slot = index << entryShift;
    if (staticEntries[slot + Entry.valueLength] !== to - from) continue;
    const at = staticEntries[slot + Entry.at]! + staticEntries[slot + Entry.nameLength]! + separatorLength;
    if (isSame(value, from, staticWords.view, at, to - from)) return index;
  }
  return 0;
}
