import type { HpackEncoder } from '../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../shared/http2/hpack/indexing.ts';
import { droppedIn, notInTrailers } from '../message/dropped-fields.ts';
import { FieldName } from '../message/field-name.ts';
import { COLON, CR } from '../message/grammar.ts';
import { type Head, isListedByConnection } from '../message/head.ts';
import { ascii, OutBuffer } from '../transport/out-buffer.ts';

const lengthName = ascii('content-length');
/** Name and value of a length, as the encoder wants them: in one piece of memory. */
const length = new OutBuffer(64);

/** Encodes the fields that travel on: all but those that stay behind in one of `cases`, or that Connection lists. */
export function encodeFields(encoder: HpackEncoder, out: OutBuffer, head: Head, cases: number): void {
  const { bytes, names, offsets, fieldCount, connectionNamesFields } = head;
  for (let i = 0; i < fieldCount; i++) {
    const name = names[i]!;
    if ((droppedIn[name]! & cases) !== 0) continue;
    if (connectionNamesFields && name !== FieldName.host && isListedByConnection(head, i)) continue;
    const at = i * 4;
    encoder.field(out, bytes, offsets[at]!, offsets[at + 1]!, offsets[at + 2]!, offsets[at + 3]!, indexingAt(head, i));
  }
}

/** Encodes a trailer section without what may not stand there. */
export function encodeTrailers(encoder: HpackEncoder, out: OutBuffer, trailers: Head): void {
  const { bytes, offsets } = trailers;
  for (let i = 0; i < trailers.fieldCount; i++) {
    if (notInTrailers[trailers.names[i]!] === 1) continue;
    const at = i * 4;
    const indexing = indexingAt(trailers, i);
    encoder.field(out, bytes, offsets[at]!, offsets[at + 1]!, offsets[at + 2]!, offsets[at + 3]!, indexing);
  }
}

/** How the field at a place is sent: what its sender kept out of tables stays out of them (RFC 7541 §7.1.3). */
function indexingAt(head: Head, field: number): Indexing {
  return head.neverIndexed?.includes(field) ? Indexing.never : Indexing.auto;
}

/** Encodes fields that stand as lines, "name: value" and CRLF each, at the start of `bytes`. */
export function encodeLines(encoder: HpackEncoder, out: OutBuffer, bytes: Buffer, to: number): void {
  let at = 0;
  while (at < to) {
    const nameEnd = bytes.indexOf(COLON, at);
    const valueEnd = bytes.indexOf(CR, nameEnd);
    encoder.field(out, bytes, at, nameEnd, nameEnd + 2, valueEnd, Indexing.auto);
    at = valueEnd + 2;
  }
}

export function encodeLength(encoder: HpackEncoder, out: OutBuffer, bytes: number): void {
  length.length = 0;
  length.constant(lengthName);
  length.decimal(bytes);
  encoder.field(out, length.bytes, 0, lengthName.length, lengthName.length, length.length, Indexing.auto);
}
