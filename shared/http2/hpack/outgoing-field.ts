import { copyBytes } from './copy-bytes.ts';
import { hashField, hashName, hashWhole } from './field-hash.ts';
import { separatorLength } from './field-line.ts';
import { isSame, isSameName, lowerCase, noWords, type Words } from './words.ts';

/** Where the name and the value of a field stand that is to be sent, and its hashes once somebody searches for it. */
export class OutgoingField {
  name = noWords;
  nameFrom = 0;
  nameLength = 0;
  value = noWords;
  valueFrom = 0;
  valueLength = 0;
  nameHash = 0;
  hash = 0;

  setName(words: Words, from: number, length: number): void {
    this.name = words;
    this.nameFrom = from;
    this.nameLength = length;
  }

  setValue(words: Words, from: number, length: number): void {
    this.value = words;
    this.valueFrom = from;
    this.valueLength = length;
  }

  setHashes(): void {
    this.nameHash = hashName(this.name.view, this.nameFrom, this.nameLength);
    this.hash = hashField(this.nameHash, this.value.view, this.valueFrom, this.valueLength);
  }

  /** From every byte of the value; needs the other hashes. */
  wholeHash(): number {
    return hashWhole(this.nameHash, this.value.view, this.valueFrom, this.valueLength);
  }

  /** Whether this is the field at `at`, whose name and value are as long as its own. */
  isAt(view: DataView, at: number): boolean {
    return this.isValueAt(view, at + this.nameLength + separatorLength) && this.isNameAt(view, at);
  }

  isNameAt(view: DataView, at: number): boolean {
    return isSameName(this.name.view, this.nameFrom, view, at, this.nameLength);
  }

  isValueAt(view: DataView, at: number): boolean {
    return isSame(this.value.view, this.valueFrom, view, at, this.valueLength);
  }

  /** Writes the name in lower case. */
  writeName(target: Buffer, at: number): void {
    const { bytes } = this.name;
    const from = this.nameFrom;
    for (let i = 0; i < this.nameLength; i++) target[at + i] = lowerCase[bytes[from + i]!]!;
  }

  writeValue(target: Buffer, at: number): void {
    copyBytes(this.value.bytes, this.valueFrom, this.valueFrom + this.valueLength, target, at);
  }
}
