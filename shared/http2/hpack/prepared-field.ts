import { separatorLength } from './field-line.ts';
import { Indexing, indexingOf } from './indexing.ts';
import { OutgoingField } from './outgoing-field.ts';
import { findStaticField, findStaticName } from './static-search.ts';
import { Words } from './words.ts';

/** A field of always the same value, searched for where that needs no connection. */
export type PreparedField = {
  readonly field: OutgoingField;
  readonly indexing: Indexing;
  /** First index of its name in the static table, or 0. */
  readonly nameIndex: number;
  /** Its index in the static table, or 0. */
  readonly index: number;
};

export function prepareField(name: string, value: string, wanted: Indexing): PreparedField {
  const words = new Words(Buffer.from(`${name}: ${value}`, 'latin1'));
  const field = new OutgoingField();
  field.setName(words, 0, name.length);
  field.setValue(words, name.length + separatorLength, value.length);
  field.setHashes();
  const nameIndex = findStaticName(field);
  const indexing = indexingOf(nameIndex, value.length, wanted);
  const index = indexing === Indexing.never ? 0 : findStaticField(field, nameIndex);
  return { field, indexing, nameIndex, index };
}
