import type { Field } from './field.ts';
import { huffmanDecode } from './huffman.ts';
import { staticTable } from './static-table.ts';

/** §4.1: what an entry counts beyond its bytes. */
const entryOverhead = 32;
const usualTableBytes = 4096;

/** A place in a header block. */
type Cursor = { readonly block: Buffer; at: number };

/**
 * A plain decoder of HPACK, written from RFC 7541 alone: the oracle for what others encode. It throws for whatever the RFC
 * calls a decoding error.
 */
export class HpackDecoder {
  /** What we have allowed (SETTINGS_HEADER_TABLE_SIZE). */
  readonly #mostTableBytes: number;
  /** What the encoder has chosen within that. */
  #tableBytes: number;
  /** The newest entry first. */
  #dynamicTable: Field[] = [];

  constructor(mostTableBytes = usualTableBytes) {
    this.#mostTableBytes = mostTableBytes;
    this.#tableBytes = Math.min(mostTableBytes, usualTableBytes);
  }

  decode(block: Buffer): Field[] {
    const cursor: Cursor = { block, at: 0 };
    const fields: Field[] = [];
    while (cursor.at < block.length) {
      const first = block[cursor.at]!;
      if (first >= 0x80) fields.push(this.#entry(readInteger(cursor, 7)));
      else if (first >= 0x40) {
        const field = this.#readLiteral(cursor, 6);
        this.#add(field);
        fields.push(field);
      } else if (first >= 0x20) {
        if (fields.length > 0) throw new Error('a change of the table size behind a field');
        this.#resize(readInteger(cursor, 5));
      } else fields.push(this.#readLiteral(cursor, 4));
    }
    return fields;
  }

  #readLiteral(cursor: Cursor, prefixBits: number): Field {
    const nameIndex = readInteger(cursor, prefixBits);
    const name = nameIndex === 0 ? readString(cursor) : this.#entry(nameIndex)[0];
    return [name, readString(cursor)];
  }

  #entry(index: number): Field {
    if (index === 0) throw new Error('index 0');
    const entry = staticTable[index - 1] ?? this.#dynamicTable[index - 1 - staticTable.length];
    if (entry === undefined) throw new Error(`index ${index}, which no table has`);
    return entry;
  }

  #add(field: Field): void {
    this.#dynamicTable.unshift(field);
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > this.#mostTableBytes) throw new Error(`a table of ${bytes} bytes, more than was allowed`);
    this.#tableBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    const sizeOf = ([name, value]: Field) => name.length + value.length + entryOverhead;
    let bytes = this.#dynamicTable.reduce((sum, field) => sum + sizeOf(field), 0);
    while (bytes > this.#tableBytes) bytes -= sizeOf(this.#dynamicTable.pop()!);
  }
}

/** §5.1; beyond 2^32 it is an error. */
function readInteger(cursor: Cursor, prefixBits: number): number {
  const most = 2 ** prefixBits - 1;
  let value = readByte(cursor) & most;
  if (value < most) return value;
  for (let scale = 1; ; scale *= 128) {
    const byte = readByte(cursor);
    value += (byte & 127) * scale;
    if (value > 2 ** 32) throw new Error('an integer that is too large');
    if (byte < 128) return value;
    if (scale > 2 ** 32) throw new Error('an integer that is too long');
  }
}

function readString(cursor: Cursor): string {
  const isHuffman = (cursor.block[cursor.at] ?? 0) >= 0x80;
  const length = readInteger(cursor, 7);
  const bytes = cursor.block.subarray(cursor.at, cursor.at + length);
  if (bytes.length < length) throw new Error('a block that ends within a string');
  cursor.at += length;
  return (isHuffman ? huffmanDecode(bytes) : bytes).toString('latin1');
}

function readByte(cursor: Cursor): number {
  const byte = cursor.block[cursor.at++];
  if (byte === undefined) throw new Error('a block that ends within a field');
  return byte;
}
