import { type DynamicTable, Entry, entryShift } from './dynamic-table.ts';
import { separatorLength } from './field-sink.ts';
import { isSame, isSameName } from './words.ts';

/** Numbers of the entries that follow an entry in its two chains, and the hash of its name; that of the field is its tag. */
const Link = { nextField: 0, nextName: 1, nameHash: 2, follower: 3 } as const;

const none = new Int32Array(1 << entryShift);

/**
 * Finds entries of a dynamic table by their hashes. Entries of one place form a chain, the newest first. As the oldest leave
 * the table first, a chain ends at the first entry that is gone, and nothing is ever taken out.
 */
export class TableIndex {
  readonly #table: DynamicTable;
  #fieldHeads = none;
  #nameHeads = none;
  #links = none;
  #last = 0;

  constructor(table: DynamicTable) {
    this.#table = table;
  }

  /** Takes in the newest entry, whose tag is the hash of its field. */
  add(nameHash: number): void {
    const { newest, mask } = this.#table;
    if (this.#fieldHeads.length <= mask) this.#grow();
    this.#link(newest, nameHash);
  }

  restart(): void {
    this.#last = 0;
  }

  guess(name: DataView, nameFrom: number, nameTo: number, value: DataView, valueFrom: number, valueTo: number): number {
    const { newest, count, mask, entries, view } = this.#table;
    const age = (newest - this.#links[this.#last + Link.follower]!) >>> 0;
    if (age >= count) return -1;
    const slot = ((newest - age) & mask) << entryShift;
    if (
      entries[slot + Entry.nameLength] !== nameTo - nameFrom ||
      entries[slot + Entry.valueLength] !== valueTo - valueFrom
    )
      return -1;
    const at = entries[slot + Entry.at]!;
    if (
      !isSame(value, valueFrom, view, at + nameTo - nameFrom + separatorLength, valueTo - valueFrom) ||
      !isSameName(name, nameFrom, view, at, nameTo - nameFrom)
    )
      return -1;
    this.#last = slot + (1 << entryShift);
    return age;
  }

  /** How many entries are newer than the one of this field; -1 when there is none. */
  findField(
    hash: number,
    name: DataView,
    nameFrom: number,
    nameTo: number,
    value: DataView,
    valueFrom: number,
    valueTo: number,
  ): number {
    const { newest, count, mask, entries, view } = this.#table;
    const links = this.#links;
    let age = (newest - this.#fieldHeads[hash & mask]!) >>> 0;
    while (age < count) {
      const slot = ((newest - age) & mask) << entryShift;
      if (
        entries[slot + Entry.tag] === hash &&
        entries[slot + Entry.nameLength] === nameTo - nameFrom &&
        entries[slot + Entry.valueLength] === valueTo - valueFrom
      ) {
        const at = entries[slot + Entry.at]!;
        if (
          isSame(value, valueFrom, view, at + nameTo - nameFrom + separatorLength, valueTo - valueFrom) &&
          isSameName(name, nameFrom, view, at, nameTo - nameFrom)
        ) {
          this.#links[this.#last + Link.follower] = newest - age;
          this.#last = slot + (1 << entryShift);
          return age;
        }
      }
      age = (newest - links[slot + 4 + Link.nextField]!) >>> 0;
    }
    return -1;
  }

  /** The same for any entry of this name. */
  findName(hash: number, name: DataView, nameFrom: number, nameTo: number): number {
    const { newest, count, mask, entries, view } = this.#table;
    const links = this.#links;
    let age = (newest - this.#nameHeads[hash & mask]!) >>> 0;
    while (age < count) {
      const slot = ((newest - age) & mask) << entryShift;
      if (
        links[slot + 4 + Link.nameHash] === hash &&
        entries[slot + Entry.nameLength] === nameTo - nameFrom &&
        isSameName(name, nameFrom, view, entries[slot + Entry.at]!, nameTo - nameFrom)
      )
        return age;
      age = (newest - links[slot + 4 + Link.nextName]!) >>> 0;
    }
    return -1;
  }

  #link(number: number, nameHash: number): void {
    const { mask, entries } = this.#table;
    const slot = (number & mask) << entryShift;
    const fieldPlace = entries[slot + Entry.tag]! & mask;
    const namePlace = nameHash & mask;
    this.#links[slot + 4 + Link.nextField] = this.#fieldHeads[fieldPlace]!;
    this.#links[slot + 4 + Link.nextName] = this.#nameHeads[namePlace]!;
    this.#links[slot + 4 + Link.nameHash] = nameHash;
    this.#fieldHeads[fieldPlace] = number;
    this.#nameHeads[namePlace] = number;
  }

  /** Follows the table to more slots: all that was in before the newest entry is chained anew. */
  #grow(): void {
    const { newest, count, mask } = this.#table;
    const links = this.#links;
    const linksMask = this.#fieldHeads.length - 1;
    this.#fieldHeads = new Int32Array(mask + 1);
    this.#nameHeads = new Int32Array(mask + 1);
    this.#links = new Int32Array((mask + 2) << entryShift);
    for (let age = count - 1; age > 0; age--) {
      const number = newest - age;
      this.#link(number, links[((number & linksMask) << entryShift) + 4 + Link.nameHash]!);
    }
  }
}
