import { copyBytes } from './copy-bytes.ts';
import { DynamicTable, Entry, entryShift, initialTableBytes } from './dynamic-table.ts';
import { lineOverhead, separatorLength } from './field-line.ts';
import type { Classify, FieldSink } from './field-sink.ts';
import { decodeHuffman, mostDecoded } from './huffman-decode.ts';
import { mostMoreOctets } from './integer.ts';
import { staticCount, staticEntries, staticLines } from './static-table.ts';

/** One to tell the least size in between, and one to tell the last (RFC 7541 §4.2). */
const mostUpdates = 2;

/**
 * Where a literal is put together as a line, for all decoders: none may be called while one calls its sink. A longer line gets
 * memory of its own, no more than its bytes account for.
 */
const usualLine = Buffer.allocUnsafeSlow(16 * 1024);

const CR = 13;
const LF = 10;
const COLON = 58;
const SP = 32;

/** Reads the field blocks of one direction of a connection (RFC 7541), which must all come here, whole and in order. */
export class HpackDecoder {
  /** Changes whenever the dynamic table does: two equal blocks at one generation decode alike. */
  generation = 0;
  /** During `onField`: whoever sent the field asks that nobody puts it into a table (RFC 7541 §7.1.3). */
  isNeverIndexed = false;
  readonly #classify: Classify;
  readonly #statics: Int32Array;
  readonly #table = new DynamicTable(initialTableBytes);
  readonly #announcedBytes: number;
  /** Most that an update may set. */
  #mostBytes: number;
  /** Where reading goes on behind what was read. */
  #at = 0;
  #trouble = '';

  /** `tableBytes` is our SETTINGS_HEADER_TABLE_SIZE. */
  constructor(tableBytes: number, classify: Classify) {
    this.#classify = classify;
    this.#statics = classifiedStatics(classify);
    this.#announcedBytes = tableBytes;
    this.#mostBytes = Math.max(tableBytes, initialTableBytes);
  }

  /**
   * The peer has acknowledged our settings: no update may exceed them from now on, and the next block begins with one if the
   * table does (RFC 7541 §4.2).
   */
  acknowledged(): void {
    this.#mostBytes = this.#announcedBytes;
  }

  /** Decodes one whole block; returns null, or what is wrong with it. The connection is then lost (RFC 9113 §4.3). */
  decode(block: Buffer, from: number, to: number, sink: FieldSink): string | null {
    const table = this.#table;
    const statics = this.#statics;
    let at = this.#readUpdates(block, from, to);
    while (at < to) {
      if (at === -1) return this.#trouble;
      const first = block[at]!;
      if (first < 0x80) {
        at = this.#readLiteral(block, at, to, sink);
        continue;
      }
      let index = first & 0x7f;
      at++;
      if (index === 0x7f) {
        index = this.#readInteger(block, at - 1, to, 0x7f);
        if (index === -1) return this.#trouble;
        at = this.#at;
      }
      // Read in place: a function for it would have to return five numbers.
      const age = index - staticCount - 1;
      if (age < 0) {
        if (index === 0) return 'index 0';
        const slot = index << entryShift;
        sink.onField(
          staticLines,
          statics[slot + Entry.at]!,
          statics[slot + Entry.nameLength]!,
          statics[slot + Entry.valueLength]!,
          statics[slot + Entry.tag]!,
        );
      } else {
        if (age >= table.count) return 'an index beyond the table';
        const { entries } = table;
        const slot = ((table.newest - age) & table.mask) << entryShift;
        sink.onField(
          table.bytes,
          entries[slot + Entry.at]!,
          entries[slot + Entry.nameLength]!,
          entries[slot + Entry.valueLength]!,
          entries[slot + Entry.tag]!,
        );
      }
    }
    return null;
  }

  /** Reads the size updates at the beginning of a block (RFC 7541 §6.3). */
  #readUpdates(block: Buffer, at: number, to: number): number {
    for (let updates = 0; at < to && (block[at]! & 0xe0) === 0x20; updates++) {
      if (updates === mostUpdates) return this.#fail('more than two updates of the table size');
      const size = this.#readInteger(block, at, to, 0x1f);
      if (size === -1) return -1;
      if (size > this.#mostBytes) return this.#fail('an update to a larger table than was announced');
      this.#table.resize(size);
      this.generation++;
      at = this.#at;
    }
    if (this.#table.limit > this.#mostBytes) return this.#fail('no update to the table size that was acknowledged');
    return at;
  }

  /** Reads a literal field (RFC 7541 §6.2). */
  #readLiteral(block: Buffer, at: number, to: number, sink: FieldSink): number {
    const first = block[at]!;
    const isIndexed = first >= 0x40;
    if (!isIndexed && first >= 0x20) return this.#fail('an update of the table size behind a field');
    const nameIndex = this.#readInteger(block, at, to, isIndexed ? 0x3f : 0x0f);
    if (nameIndex === -1) return -1;

    let nameSource = block;
    let nameFrom = 0;
    let nameSize = 0;
    let isNameHuffman = false;
    if (nameIndex === 0) {
      isNameHuffman = this.#isHuffmanNext(block, to);
      nameSize = this.#readLength(block, to);
      if (nameSize === -1) return -1;
      nameFrom = this.#at;
      this.#at += nameSize;
    } else {
      const table = this.#table;
      const isStatic = nameIndex <= staticCount;
      const age = nameIndex - staticCount - 1;
      if (age >= table.count) return this.#fail('an index beyond the table');
      const entries = isStatic ? staticEntries : table.entries;
      const slot = (isStatic ? nameIndex : (table.newest - age) & table.mask) << entryShift;
      nameSource = isStatic ? staticLines : table.bytes;
      nameFrom = entries[slot + Entry.at]!;
      nameSize = entries[slot + Entry.nameLength]!;
    }
    const isValueHuffman = this.#isHuffmanNext(block, to);
    const valueSize = this.#readLength(block, to);
    if (valueSize === -1) return -1;
    const valueFrom = this.#at;

    const line = lineFor(
      (isNameHuffman ? mostDecoded(nameSize) : nameSize) +
        (isValueHuffman ? mostDecoded(valueSize) : valueSize) +
        lineOverhead,
    );
    const nameLength = putString(nameSource, nameFrom, nameSize, isNameHuffman, line, 0);
    if (nameLength === -1) return this.#fail('a Huffman string that ends wrong');
    line[nameLength] = COLON;
    line[nameLength + 1] = SP;
    const valueAt = nameLength + separatorLength;
    const valueEnd = putString(block, valueFrom, valueSize, isValueHuffman, line, valueAt);
    if (valueEnd === -1) return this.#fail('a Huffman string that ends wrong');
    line[valueEnd] = CR;
    line[valueEnd + 1] = LF;

    const valueLength = valueEnd - valueAt;
    const kind = this.#classify(line, 0, nameLength, valueLength);
    this.isNeverIndexed = (first & 0xf0) === 0x10;
    sink.onField(line, 0, nameLength, valueLength, kind);
    this.isNeverIndexed = false;
    if (isIndexed) this.#enter(line, nameLength, valueLength, kind);
    return valueFrom + valueSize;
  }

  #enter(line: Buffer, nameLength: number, valueLength: number, kind: number): void {
    const at = this.#table.add(nameLength, valueLength, kind);
    if (at !== -1) copyBytes(line, 0, nameLength + valueLength + lineOverhead, this.#table.bytes, at);
    this.generation++;
  }

  #isHuffmanNext(block: Buffer, to: number): boolean {
    return this.#at < to && block[this.#at]! >= 0x80;
  }

  /** Reads the length of a string, all of which must be there. */
  #readLength(block: Buffer, to: number): number {
    const size = this.#readInteger(block, this.#at, to, 0x7f);
    return size > to - this.#at ? this.#fail('a string that is cut off') : size;
  }

  /** Reads an integer whose prefix has the bits of `mask` (RFC 7541 §5.1). */
  #readInteger(block: Buffer, at: number, to: number, mask: number): number {
    if (at >= to) return this.#fail('a field that is cut off');
    let value = block[at++]! & mask;
    if (value === mask) {
      const last = at + mostMoreOctets;
      for (let shift = 0; ; shift += 7) {
        if (at === last) return this.#fail('an integer of too many octets');
        if (at >= to) return this.#fail('an integer that is cut off');
        const octet = block[at++]!;
        value += (octet & 0x7f) << shift;
        if (octet < 0x80) break;
      }
    }
    this.#at = at;
    return value;
  }

  #fail(trouble: string): -1 {
    this.#trouble = trouble;
    return -1;
  }
}

function lineFor(size: number): Buffer {
  return size <= usualLine.length ? usualLine : Buffer.allocUnsafeSlow(size);
}

/** Writes a string to `line` and returns where it ends, -1 when it cannot be decoded. */
function putString(source: Buffer, from: number, size: number, isHuffman: boolean, line: Buffer, at: number): number {
  if (isHuffman) return decodeHuffman(source, from, from + size, line, at);
  copyBytes(source, from, from + size, line, at);
  return at + size;
}

const staticsOf = new WeakMap<Classify, Int32Array>();

/** The static entries with what `classify` says of them; made once for each function. */
function classifiedStatics(classify: Classify): Int32Array {
  const known = staticsOf.get(classify);
  if (known !== undefined) return known;
  const entries = staticEntries.slice();
  for (let slot = 1 << entryShift; slot < entries.length; slot += 1 << entryShift)
    entries[slot + Entry.tag] = classify(
      staticLines,
      entries[slot + Entry.at]!,
      entries[slot + Entry.nameLength]!,
      entries[slot + Entry.valueLength]!,
    );
  staticsOf.set(classify, entries);
  return entries;
}
