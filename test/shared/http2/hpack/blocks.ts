import type { ByteSink } from '../../../../shared/http2/hpack/byte-sink.ts';
import { HpackDecoder } from '../../../../shared/http2/hpack/decoder.ts';
import type { HpackEncoder } from '../../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../../shared/http2/hpack/indexing.ts';
import type { PlainField } from './plain-hpack.ts';

/** What is written, in memory that has no byte to spare. */
export class Bytes implements ByteSink {
  bytes: Buffer = Buffer.alloc(0);
  length = 0;

  reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const larger = Buffer.alloc(this.length + size);
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Takes out what was written. */
  take(): Buffer {
    const written = Buffer.from(this.bytes.subarray(0, this.length));
    this.length = 0;
    return written;
  }
}

export const newDecoder = (tableBytes = 4096) => new HpackDecoder(tableBytes, () => 0);

/** Decodes a block that has other bytes before and behind it; returns its fields, or what is wrong with it. */
export function decode(decoder: HpackDecoder, block: Buffer): PlainField[] | string {
  const fields: PlainField[] = [];
  const around = Buffer.alloc(7, 0xff);
  const trouble = decoder.decode(Buffer.concat([around, block, around]), 7, 7 + block.length, {
    onField(line, at, nameLength, valueLength) {
      const name = line.toString('latin1', at, at + nameLength);
      const valueAt = at + nameLength + 2;
      const value = line.toString('latin1', valueAt, valueAt + valueLength);
      const written = line.toString('latin1', at, valueAt + valueLength + 2);
      if (written !== `${name}: ${value}\r\n`) throw new Error(`not a line: ${JSON.stringify(written)}`);
      fields.push({ name, value, isNeverIndexed: decoder.isNeverIndexed });
    },
  });
  return trouble ?? fields;
}

export const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The entries of a decoder's table, the newest first. */
export function tableOf(decoder: HpackDecoder): string[] {
  const entries: string[] = [];
  for (let index = 62; ; index++) {
    const block = index < 127 ? Buffer.of(0x80 | index) : Buffer.of(0xff, index - 127);
    const fields = decode(decoder, block);
    if (typeof fields === 'string') return entries;
    entries.push(`${fields[0]!.name}: ${fields[0]!.value}`);
  }
}

export type SentField = readonly [name: string, value: string, indexing?: Indexing];

/** One block of these fields, or of what `write` does. */
export function encode(encoder: HpackEncoder, fields: readonly SentField[]): Buffer {
  return encodeWith(encoder, (out) => {
    for (const [name, value, indexing] of fields) sendField(encoder, out, name, value, indexing ?? Indexing.auto);
  });
}

export function encodeWith(encoder: HpackEncoder, write: (out: Bytes) => void): Buffer {
  const out = new Bytes();
  encoder.begin(out);
  write(out);
  return out.take();
}

function sendField(encoder: HpackEncoder, out: Bytes, name: string, value: string, indexing: Indexing): void {
  const line = Buffer.from(`${name}:\t ${value}`, 'latin1');
  encoder.field(out, line, 0, name.length, name.length + 3, line.length, indexing);
}
