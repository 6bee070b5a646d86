import { traceparentLength } from '../../observability/tracing/trace-context.ts';
import { FieldName } from '../message/field-name.ts';
import type { RequestHead } from '../message/request-head.ts';
import { ascii } from '../transport/out-buffer.ts';

/**
 * A sidecar ends each request's header block with a traceparent, which is never the same, behind fields that often are. It
 * stands there as a literal without indexing, its name spelled out (RFC 7541 §6.2.2): always so many bytes that begin so.
 */
export const traceTailStart = Buffer.concat([ascii('\x00\x0btraceparent'), Buffer.from([traceparentLength])]);
const tailBytes = traceTailStart.length + traceparentLength;

const name = ascii('traceparent');
const lineStart = ascii('traceparent: ');
/** Bytes of the field as a line of a head. */
export const traceLineBytes = lineStart.length + traceparentLength + 2;

/** 1 for bytes of a traceparent that is well-formed; anything else is left to whoever reads the whole block. */
const isTraceByte = new Uint8Array(256);
for (const byte of ascii('0123456789abcdef-')) isTraceByte[byte] = 1;

/** Where the traceparent begins that ends a block; the end of the block when it has none. */
export function traceTailAt(block: Buffer, from: number, to: number): number {
  const at = to - tailBytes;
  if (at < from) return to;
  for (let i = 0; i < traceTailStart.length; i++) if (block[at + i] !== traceTailStart[i]) return to;
  for (let i = at + traceTailStart.length; i < to; i++) if (isTraceByte[block[i]!] === 0) return to;
  return at;
}

/** Adds the traceparent that ends a block to a head, which has room for it. */
export function addTraceTail(head: RequestHead, block: Buffer, to: number): void {
  const { bytes, fieldCount } = head;
  const at = head.end - 2;
  const valueAt = at + lineStart.length;
  lineStart.copy(bytes, at);
  block.copy(bytes, valueAt, to - traceparentLength, to);
  bytes[valueAt + traceparentLength] = 13;
  bytes[valueAt + traceparentLength + 1] = 10;
  head.addField(FieldName.traceparent, at, at + name.length, valueAt, valueAt + traceparentLength);
  head.traceparentField = fieldCount;
  head.end += traceLineBytes;
}
