import { lineOverhead } from './field-line.ts';

/** The limit that both sides begin with (RFC 9113 §6.5.2). */
export const initialTableBytes = 4096;

/** What an entry costs beside its name and value (RFC 7541 §4.1). */
export const entryOverhead = 32;

/** Numbers of an entry: where its line begins in `bytes`, length of its name, length of its value, and its owner's tag. */
export const Entry = { at: 0, nameLength: 1, valueLength: 2, tag: 3 } as const;
export const entryShift = 2;

const firstBytes = 512;
const firstEntries = 8;
const noBytes: Buffer = Buffer.alloc(0);
const noView = new DataView(new ArrayBuffer(0));
const noEntries = new Int32Array(1 << entryShift);

/**
 * The dynamic table of one side of a connection (RFC 7541 §2.3.2). Entries carry consecutive numbers, the newest has the
 * highest, and number `n` lies in slot `n & mask` of `entries`. Their lines lie in `bytes` one behind the other, each in one
 * piece: what does not fit at the end goes to the beginning.
 *
 *   bytes    |  newest   |  free  |  oldest  |  ...  |  ...  | unused |
 *
 * Both grow as they are needed, `bytes` to twice the limit: there, every line that the limit allows has a place. From then on
 * an entry takes 50 ns, where memory of its own would take 200 even from a list of what became free.
 */
export class DynamicTable {
  bytes = noBytes;
  view = noView;
  entries = noEntries;
  /** Of slots, which are a power of 2. */
  mask = 0;
  /** Number of the newest entry; goes round after 2^32 of them. */
  newest = 0;
  count = 0;
  /** Most bytes, counted as RFC 7541 §4.1 does. */
  limit: number;
  #size = 0;
  /** Where the line of the newest entry ends. */
  #end = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes that may still be added before something has to go. */
  get room(): number {
    return this.limit - this.#size;
  }

  /** Sets another limit and lets go of what is beyond it. */
  resize(limit: number): void {
    this.limit = limit;
    this.#evictTo(limit);
  }

  /**
   * Makes an entry and returns where in `bytes` its line has to be written. One that is larger than the table leaves it
   * empty, and -1 is returned.
   */
  add(nameLength: number, valueLength: number, tag: number): number {
    const size = nameLength + valueLength + entryOverhead;
    this.#evictTo(Math.max(0, this.limit - size));
    if (size > this.limit) return -1;
    if (this.count > this.mask || this.entries === noEntries) this.#growEntries();
    const length = nameLength + valueLength + lineOverhead;
    let at = this.#placeFor(length);
    if (at === -1) {
      this.#growBytes(length);
      at = this.#end;
    }
    this.newest = (this.newest + 1) | 0;
    this.count++;
    this.#size += size;
    this.#end = at + length;
    const slot = (this.newest & this.mask) << entryShift;
    this.entries[slot + Entry.at] = at;
    this.entries[slot + Entry.nameLength] = nameLength;
    this.entries[slot + Entry.valueLength] = valueLength;
    this.entries[slot + Entry.tag] = tag;
    return at;
  }

  #evictTo(size: number): void {
    const { entries } = this;
    while (this.#size > size) {
      const slot = this.#oldestSlot();
      this.#size -= entries[slot + Entry.nameLength]! + entries[slot + Entry.valueLength]! + entryOverhead;
      this.count--;
    }
  }

  #oldestSlot(): number {
    return ((this.newest - this.count + 1) & this.mask) << entryShift;
  }

  /** Where a line of `length` bytes fits, or -1. */
  #placeFor(length: number): number {
    const end = this.count === 0 ? 0 : this.#end;
    const oldest = this.count === 0 ? 0 : this.entries[this.#oldestSlot() + Entry.at]!;
    if (end <= oldest && this.count > 0) return oldest - end >= length ? end : -1;
    if (this.bytes.length - end >= length) return end;
    return oldest >= length ? 0 : -1;
  }

  #growEntries(): void {
    const slots = this.entries === noEntries ? firstEntries : (this.mask + 1) * 2;
    const larger = new Int32Array(slots << entryShift);
    for (let age = 0; age < this.count; age++) {
      const number = this.newest - age;
      const from = (number & this.mask) << entryShift;
      larger.set(this.entries.subarray(from, from + (1 << entryShift)), (number & (slots - 1)) << entryShift);
    }
    this.entries = larger;
    this.mask = slots - 1;
  }

  /** Moves all lines to memory that has room for another one behind them. */
  #growBytes(length: number): void {
    const { entries, mask } = this;
    const lines = this.#size - this.count * (entryOverhead - lineOverhead);
    let capacity = Math.max(firstBytes, this.bytes.length);
    while (capacity < lines + length || capacity === this.bytes.length) capacity *= 2;
    const larger = Buffer.allocUnsafeSlow(Math.min(capacity, this.limit * 2));
    let end = 0;
    for (let age = this.count - 1; age >= 0; age--) {
      const slot = ((this.newest - age) & mask) << entryShift;
      const from = entries[slot + Entry.at]!;
      entries[slot + Entry.at] = end;
      end += this.bytes.copy(
        larger,
        end,
        from,
        from + entries[slot + Entry.nameLength]! + entries[slot + Entry.valueLength]! + lineOverhead,
      );
    }
    this.bytes = larger;
    this.view = new DataView(larger.buffer, larger.byteOffset, larger.length);
    this.#end = end;
  }
}
