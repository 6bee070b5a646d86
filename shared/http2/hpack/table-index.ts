import { type DynamicTable, Entry, entryOverhead, entryShift } from './dynamic-table.ts';
import { hashName } from './field-hash.ts';
import type { OutgoingField } from './outgoing-field.ts';

/**
 * Of the entry in the same slot: the numbers of those that it leads to, which are the older ones in its two chains and the
 * one that was sent after it last time; and the block it was sent in last. Its tag is the hash of the field.
 */
const Link = { olderField: 0, olderName: 1, follower: 2, sentIn: 3 } as const;

/**
 * An entry that was sent within so many blocks is not pushed out. Otherwise fields that all recur but do not fit together
 * would push out each other, and every block would enter them all anew.
 */
const keptBlocks = 256;

/** A longer walk costs more than a literal. Only who knows the hash can bring it about. */
const mostSteps = 8;

const noHeads = new Int32Array(1);
const noLinks = new Int32Array(1 << entryShift);

/**
 * Finds entries of a dynamic table. Entries whose hashes share a place form a chain, the newest first. As the oldest leave the
 * table first, a chain ends at the first entry that is gone, and nothing is ever taken out of one.
 */
export class TableIndex {
  readonly #table: DynamicTable;
  #fieldHeads = noHeads;
  #nameHeads = noHeads;
  #links = noLinks;
  /** Slot of the entry that was sent last. */
  #last = 0;
  /** Number of the block; goes round after 2^32 of them. */
  #block = 0;

  constructor(table: DynamicTable) {
    this.#table = table;
  }

  beginBlock(): void {
    this.#block = (this.#block + 1) | 0;
  }

  /**
   * Tries the entry that last time came after the one before, since blocks are much alike: 30 ns, where hashes and a search
   * take 60. Returns its age, the number of entries that are newer; or -1.
   */
  takeFollower(field: OutgoingField): number {
    const { newest, count, mask, entries, view } = this.#table;
    const links = this.#links;
    const age = (newest - links[this.#last + Link.follower]!) >>> 0;
    if (age >= count) return -1;
    const slot = ((newest - age) & mask) << entryShift;
    if (entries[slot + Entry.nameLength] !== field.nameLength) return -1;
    if (entries[slot + Entry.valueLength] !== field.valueLength) return -1;
    if (!field.isAt(view, entries[slot + Entry.at]!)) return -1;
    this.#last = slot;
    links[slot + Link.sentIn] = this.#block;
    return age;
  }

  /** Searches for the field, which needs its hashes. Returns the age of its entry, or -1. */
  take(field: OutgoingField): number {
    const { newest, count, mask, entries, view } = this.#table;
    const links = this.#links;
    let age = (newest - this.#fieldHeads[field.hash & mask]!) >>> 0;
    for (let steps = 0; age < count && steps < mostSteps; steps++) {
      const slot = ((newest - age) & mask) << entryShift;
      if (
        entries[slot + Entry.tag] === field.hash &&
        entries[slot + Entry.nameLength] === field.nameLength &&
        entries[slot + Entry.valueLength] === field.valueLength &&
        field.isAt(view, entries[slot + Entry.at]!)
      ) {
        links[this.#last + Link.follower] = newest - age;
        this.#last = slot;
        links[slot + Link.sentIn] = this.#block;
        return age;
      }
      age = (newest - links[slot + Link.olderField]!) >>> 0;
    }
    return -1;
  }

  /** The age of an entry that has the field's name, or -1. */
  findName(field: OutgoingField): number {
    const { newest, count, mask, entries, view } = this.#table;
    const links = this.#links;
    let age = (newest - this.#nameHeads[field.nameHash & mask]!) >>> 0;
    for (let steps = 0; age < count && steps < mostSteps; steps++) {
      const slot = ((newest - age) & mask) << entryShift;
      if (entries[slot + Entry.nameLength] === field.nameLength && field.isNameAt(view, entries[slot + Entry.at]!))
        return age;
      age = (newest - links[slot + Link.olderName]!) >>> 0;
    }
    return -1;
  }

  /** Whether there is room for an entry of `size` bytes, or would be without entries that were not sent for long. */
  hasRoom(size: number): boolean {
    const { count, newest, mask, entries } = this.#table;
    let { room } = this.#table;
    for (let age = count - 1; room < size && age >= 0; age--) {
      const slot = ((newest - age) & mask) << entryShift;
      if (((this.#block - this.#links[slot + Link.sentIn]!) | 0) < keptBlocks) return false;
      room += entries[slot + Entry.nameLength]! + entries[slot + Entry.valueLength]! + entryOverhead;
    }
    return room >= size;
  }

  /** Takes in the newest entry. */
  add(): void {
    const { newest, mask, count } = this.#table;
    if (this.#fieldHeads.length > mask) return this.#link(newest);
    // The table has more slots now, so all of it is chained anew, and counts as sent.
    this.#fieldHeads = new Int32Array(mask + 1);
    this.#nameHeads = new Int32Array(mask + 1);
    this.#links = new Int32Array((mask + 1) << entryShift);
    for (let age = count - 1; age >= 0; age--) this.#link(newest - age);
  }

  #link(number: number): void {
    const { mask, entries, view } = this.#table;
    const slot = (number & mask) << entryShift;
    const fieldPlace = entries[slot + Entry.tag]! & mask;
    const namePlace = hashName(view, entries[slot + Entry.at]!, entries[slot + Entry.nameLength]!) & mask;
    this.#links[slot + Link.olderField] = this.#fieldHeads[fieldPlace]!;
    this.#links[slot + Link.olderName] = this.#nameHeads[namePlace]!;
    this.#links[slot + Link.sentIn] = this.#block;
    this.#fieldHeads[fieldPlace] = number;
    this.#nameHeads[namePlace] = number;
  }
}
