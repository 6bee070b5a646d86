import { type DynamicTable, Entry, entryShift } from './dynamic-table.ts';
import type { OutgoingField } from './outgoing-field.ts';

/**
 * Numbers of the entries that an entry leads to: the older ones in its two chains, and the one that was sent after it last
 * time. The hash of its name stands here, too; that of the field is its tag.
 */
const Link = { olderField: 0, olderName: 1, follower: 2, nameHash: 3 } as const;
const linkShift = 2;
/** Where the links of slot 0 are: those before lead from the beginning of a block. */
const firstLinks = 1 << linkShift;

/** A longer walk costs more than a literal. Only who knows the hash can bring it about. */
const mostSteps = 8;

const noHeads = new Int32Array(1);
const noLinks = new Int32Array(2 << linkShift);

/**
 * Finds entries of a dynamic table. Entries whose hashes share a place form a chain, the newest first. As the oldest leave the
 * table first, a chain ends at the first entry that is gone, and nothing is ever taken out of one.
 */
export class TableIndex {
  readonly #table: DynamicTable;
  #fieldHeads = noHeads;
  #nameHeads = noHeads;
  #links = noLinks;
  /** Links of the entry that was sent last, or of the beginning of the block. */
  #last = 0;

  constructor(table: DynamicTable) {
    this.#table = table;
  }

  beginBlock(): void {
    this.#last = 0;
  }

  /**
   * Tries the entry that last time came after the one before, since blocks are much alike: 30 ns, where hashes and a search
   * take 60. Returns its age, the number of entries that are newer; or -1.
   */
  takeFollower(field: OutgoingField): number {
    const { newest, count, mask, entries, view } = this.#table;
    const age = (newest - this.#links[this.#last + Link.follower]!) >>> 0;
    if (age >= count) return -1;
    const slot = ((newest - age) & mask) << entryShift;
    if (entries[slot + Entry.nameLength] !== field.nameLength) return -1;
    if (entries[slot + Entry.valueLength] !== field.valueLength) return -1;
    if (!field.isAt(view, entries[slot + Entry.at]!)) return -1;
    this.#last = firstLinks + slot;
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
        this.#last = firstLinks + slot;
        return age;
      }
      age = (newest - links[firstLinks + slot + Link.olderField]!) >>> 0;
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
      if (
        links[firstLinks + slot + Link.nameHash] === field.nameHash &&
        entries[slot + Entry.nameLength] === field.nameLength &&
        field.isNameAt(view, entries[slot + Entry.at]!)
      )
        return age;
      age = (newest - links[firstLinks + slot + Link.olderName]!) >>> 0;
    }
    return -1;
  }

  /** Takes in the newest entry. */
  add(nameHash: number): void {
    const { newest, mask } = this.#table;
    if (this.#fieldHeads.length <= mask) this.#grow();
    this.#link(newest, nameHash);
  }

  #link(number: number, nameHash: number): void {
    const { mask, entries } = this.#table;
    const slot = (number & mask) << entryShift;
    const fieldPlace = entries[slot + Entry.tag]! & mask;
    const namePlace = nameHash & mask;
    const links = firstLinks + slot;
    this.#links[links + Link.olderField] = this.#fieldHeads[fieldPlace]!;
    this.#links[links + Link.olderName] = this.#nameHeads[namePlace]!;
    this.#links[links + Link.nameHash] = nameHash;
    this.#fieldHeads[fieldPlace] = number;
    this.#nameHeads[namePlace] = number;
  }

  /** Follows the table to more slots, where what was in before the newest entry is chained anew. */
  #grow(): void {
    const { newest, count, mask } = this.#table;
    const links = this.#links;
    const linksMask = this.#fieldHeads.length - 1;
    this.#fieldHeads = new Int32Array(mask + 1);
    this.#nameHeads = new Int32Array(mask + 1);
    this.#links = new Int32Array((mask + 2) << linkShift);
    for (let age = count - 1; age > 0; age--) {
      const number = newest - age;
      this.#link(number, links[firstLinks + ((number & linksMask) << linkShift) + Link.nameHash]!);
    }
  }
}
