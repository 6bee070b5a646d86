/**
 * Protocol buffers on the wire (https://protobuf.dev/programming-guides/encoding), as far as `discovery.proto` needs
 * them. A library that reads .proto files does the same and costs every sidecar 11 MB; a test holds the two together.
 */

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;
const fixed32 = 5;

/** Puts one message together. Fields that have their default value are left out, as proto3 does. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  uint(field: number, value: number): this {
    if (value !== 0) this.#parts.push(encodeVarint(field * 8 + varint), encodeVarint(value));
    return this;
  }

  bool(field: number, value: boolean): this {
    return this.uint(field, value ? 1 : 0);
  }

  string(field: number, value: string): this {
    return value === '' ? this : this.bytes(field, Buffer.from(value, 'utf8'));
  }

  /** Bytes or an embedded message; unlike a string it is written when it is empty, so that its presence shows. */
  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(encodeVarint(field * 8 + lengthDelimited), encodeVarint(value.length), value);
    return this;
  }

  /** A list of numbers, which proto3 packs into one field. */
  packed(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, Buffer.concat(values.map(encodeVarint)));
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Walks the fields of one message; throws a RangeError when it is cut short or not a message. */
export class MessageReader {
  readonly #bytes: Buffer;
  #at = 0;
  #wire = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Number of the next field, 0 at the end. Its value must be taken or skipped before the next call. */
  next(): number {
    if (this.#at >= this.#bytes.length) return 0;
    const tag = this.#varint();
    this.#wire = tag % 8;
    const field = Math.floor(tag / 8);
    if (field === 0) throw new RangeError('a field numbered 0');
    return field;
  }

  /** Integers beyond 2^53 lose their last bits; the protocol has none. */
  uint(): number {
    this.#expect(varint);
    return this.#varint();
  }

  bool(): boolean {
    return this.uint() !== 0;
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  bytes(): Buffer {
    this.#expect(lengthDelimited);
    const length = this.#varint();
    return this.#take(length);
  }

  packed(): number[] {
    const reader = new MessageReader(this.bytes());
    const values: number[] = [];
    while (reader.#at < reader.#bytes.length) values.push(reader.#varint());
    return values;
  }

  /** Passes over a field that this version does not know. */
  skip(): void {
    if (this.#wire === varint) this.#varint();
    else if (this.#wire === fixed64) this.#take(8);
    else if (this.#wire === lengthDelimited) this.#take(this.#varint());
    else if (this.#wire === fixed32) this.#take(4);
    else throw new RangeError(`wire type ${this.#wire}`);
  }

  #expect(wire: number): void {
    if (this.#wire !== wire) throw new RangeError(`wire type ${this.#wire} where ${wire} belongs`);
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new RangeError('a message that is cut short');
    const from = this.#at;
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#take(1)[0]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw new RangeError('a number of more than ten bytes');
  }
}

function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
