import { Entry, entryShift } from './dynamic-table.ts';
import { separatorLength } from './field-line.ts';
import { OutgoingField } from './outgoing-field.ts';
import { staticCount, staticEntries, staticLines } from './static-table.ts';
import { Words } from './words.ts';

const words = new Words(staticLines);

/** By the hash of a name, the first index of it, or 0. Who finds a place taken goes to the next. */
const places = 256;
const indexes = new Uint8Array(places);
/** By the first index of a name, the last one. */
const lastIndexes = new Uint8Array(staticCount + 1);

/** The first index of the field's name, or 0. Needs the field's hashes. */
export function findStaticName(field: OutgoingField): number {
  for (let place = field.nameHash & (places - 1); indexes[place] !== 0; place = (place + 1) & (places - 1)) {
    const index = indexes[place]!;
    const slot = index << entryShift;
    if (
      staticEntries[slot + Entry.nameLength] === field.nameLength &&
      field.isNameAt(words.view, staticEntries[slot + Entry.at]!)
    )
      return index;
  }
  return 0;
}

/** The index of the field, whose name is at `nameIndex` first; or 0. */
export function findStaticField(field: OutgoingField, nameIndex: number): number {
  const last = lastIndexes[nameIndex]!;
  for (let index = nameIndex; index <= last; index++) {
    const slot = index << entryShift;
    if (staticEntries[slot + Entry.valueLength] !== field.valueLength) continue;
    const valueAt = staticEntries[slot + Entry.at]! + staticEntries[slot + Entry.nameLength]! + separatorLength;
    if (field.isValueAt(words.view, valueAt)) return index;
  }
  return 0;
}

export function setStaticName(field: OutgoingField, nameIndex: number): void {
  const slot = nameIndex << entryShift;
  field.setName(words, staticEntries[slot + Entry.at]!, staticEntries[slot + Entry.nameLength]!);
}

const field = new OutgoingField();
for (let index = 1; index <= staticCount; index++) {
  setStaticName(field, index);
  field.setHashes();
  const known = findStaticName(field);
  lastIndexes[known || index] = index;
  if (known !== 0) continue;
  let place = field.nameHash & (places - 1);
  while (indexes[place] !== 0) place = (place + 1) & (places - 1);
  indexes[place] = index;
}
