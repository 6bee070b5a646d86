import { staticLines } from '../../../../shared/http2/hpack/static-table.ts';
import { huffmanRows } from './huffman-rows.ts';

/** RFC 7541 as one reads it: strings, arrays, errors thrown. What the tests of the product hold it against. */

export type PlainField = { readonly name: string; readonly value: string; readonly isNeverIndexed: boolean };
export type Representation = 'indexing' | 'without' | 'never';
export type PlainChoice = { readonly how: Representation; readonly isHuffman: boolean };

export type NameValue = readonly [name: string, value: string];

const staticTable: readonly NameValue[] = staticLines
  .toString('latin1')
  .split('\r\n')
  .slice(0, -1)
  .map((line) => /^(:?[^:]+): (.*)$/.exec(line)!.slice(1) as [string, string]);

const bitsOf = huffmanRows.map(({ code, bits }) => code.toString(2).padStart(bits, '0'));
const symbolOf = new Map(bitsOf.map((bits, symbol) => [bits, symbol]));

export function plainHuffman(text: string): Buffer {
  let bits = '';
  for (const char of text) bits += bitsOf[char.charCodeAt(0)];
  return bytesOf(bits.padEnd(Math.ceil(bits.length / 8) * 8, '1'));
}

function bytesOf(bits: string): Buffer {
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

export function plainFromHuffman(bytes: Buffer): string {
  let text = '';
  let code = '';
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      code += bit;
      const symbol = symbolOf.get(code);
      if (symbol === undefined) continue;
      if (symbol === 256) throw new Error('end of string in a string');
      text += String.fromCharCode(symbol);
      code = '';
    }
  }
  if (code.length > 7 || code.includes('0')) throw new Error('wrong padding');
  return text;
}

/** The table of either side. */
export class PlainTable {
  entries: NameValue[] = [];
  limit = 4096;

  get size(): number {
    return this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  }

  at(index: number): NameValue {
    const entry = staticTable[index - 1] ?? this.entries[index - 1 - staticTable.length];
    if (entry === undefined) throw new Error(`index ${index}`);
    return entry;
  }

  /** The first index of an entry for which this holds, or 0. */
  find(isWanted: (entry: NameValue) => boolean): number {
    const index = staticTable.findIndex(isWanted);
    if (index !== -1) return index + 1;
    const age = this.entries.findIndex(isWanted);
    return age === -1 ? 0 : staticTable.length + age + 1;
  }

  resize(limit: number): void {
    this.limit = limit;
    while (this.size > limit) this.entries.pop();
  }

  add(entry: NameValue): void {
    this.entries.unshift(entry);
    while (this.size > this.limit) this.entries.pop();
  }
}

/** What a block says, or null where the plain decoder refuses it, which it does by throwing. */
export function plainDecode(decoder: PlainDecoder, block: Buffer): PlainField[] | null {
  try {
    return decoder.decode(block);
  } catch {
    return null;
  }
}

export class PlainDecoder {
  readonly table = new PlainTable();
  readonly #mostBytes: number;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(mostBytes = 4096) {
    this.#mostBytes = mostBytes;
  }

  /** Throws when something is wrong. */
  decode(block: Buffer): PlainField[] {
    this.#block = block;
    this.#at = 0;
    const fields: PlainField[] = [];
    for (let updates = 0; this.#at < block.length; ) {
      const first = block[this.#at]!;
      if (first >= 0x80) {
        const [name, value] = this.table.at(this.#integer(7));
        fields.push({ name, value, isNeverIndexed: false });
      } else if (first >= 0x40) {
        const entry = this.#literal(6);
        fields.push({ name: entry[0], value: entry[1], isNeverIndexed: false });
        this.table.add(entry);
      } else if (first >= 0x20) {
        if (fields.length > 0 || ++updates > 2) throw new Error('late update');
        const limit = this.#integer(5);
        if (limit > this.#mostBytes) throw new Error('large update');
        this.table.resize(limit);
      } else {
        const [name, value] = this.#literal(4);
        fields.push({ name, value, isNeverIndexed: first >= 0x10 });
      }
    }
    return fields;
  }

  #literal(prefixBits: number): NameValue {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.table.at(index)[0];
    return [name, this.#string()];
  }

  #string(): string {
    const isHuffman = this.#block[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const bytes = this.#block.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new Error('cut off');
    this.#at += length;
    return isHuffman ? plainFromHuffman(bytes) : bytes.toString('latin1');
  }

  #integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.#octet() & most;
    if (value < most) return value;
    for (let more = 0; more < 4; more++) {
      const octet = this.#octet();
      value += (octet & 127) * 128 ** more;
      if (octet < 128) return value;
    }
    throw new Error('long integer');
  }

  #octet(): number {
    if (this.#at === this.#block.length) throw new Error('cut off');
    return this.#block[this.#at++]!;
  }
}

/** Uses an index wherever there is one. */
export class PlainEncoder {
  readonly table = new PlainTable();

  encode(fields: readonly NameValue[], choice: (i: number) => PlainChoice): Buffer {
    return Buffer.concat(fields.map((field, i) => this.#field(field, choice(i))));
  }

  /** What announces another limit, to be sent at the beginning of a block. */
  resize(limit: number): Buffer {
    this.table.resize(limit);
    return plainInteger(0x20, 5, limit);
  }

  #field([name, value]: NameValue, { how, isHuffman }: PlainChoice): Buffer {
    const index = this.table.find((entry) => entry[0] === name && entry[1] === value);
    if (index > 0 && how !== 'never') return plainInteger(0x80, 7, index);
    const nameIndex = this.table.find((entry) => entry[0] === name);
    const start =
      how === 'indexing' ? plainInteger(0x40, 6, nameIndex) : plainInteger(how === 'never' ? 0x10 : 0x00, 4, nameIndex);
    if (how === 'indexing') this.table.add([name, value]);
    const strings = nameIndex > 0 ? [value] : [name, value];
    return Buffer.concat([start, ...strings.map((text) => plainString(text, isHuffman))]);
  }
}

function plainString(text: string, isHuffman: boolean): Buffer {
  const bytes = isHuffman ? plainHuffman(text) : Buffer.from(text, 'latin1');
  return Buffer.concat([plainInteger(isHuffman ? 0x80 : 0, 7, bytes.length), bytes]);
}

export function plainInteger(first: number, prefixBits: number, value: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(first | value);
  const octets = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push(128 | (rest % 128));
  return Buffer.from([...octets, rest]);
}
