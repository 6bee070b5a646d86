import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import { FieldName, isHopByHop } from './field-name.ts';
import { type Head, isListedByConnection, noLength } from './head.ts';
import { ascii, type OutBuffer } from './out-buffer.ts';
import type { ReplyHead } from './reply-head.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Forwards heads by splicing: what stays is copied in runs of whole lines, case and order kept; what belongs to the
 * connection or was read by us is left out and written anew at the end. Lengths are always our own (RFC 9112 §6).
 */

const space = ascii(' ');
const crlf = ascii('\r\n');
const http11 = ascii(' HTTP/1.1\r\n');
const status11 = ascii('HTTP/1.1 ');
const hostField = ascii('Host: ');
const contentLength = ascii('Content-Length: ');
const chunked = ascii('Transfer-Encoding: chunked\r\n');
const connectionClose = ascii('Connection: close\r\n');
const connectionKeepAlive = ascii('Connection: keep-alive\r\n');
const connectionUpgrade = ascii('Connection: Upgrade\r\n');
const upgradeField = ascii('Upgrade: ');
const traceparent = ascii('traceparent: ');
const b3 = ascii('b3: ');
const slash = ascii('/');

const isTraceField = new Uint8Array(32);
for (const name of [
  FieldName.traceparent,
  FieldName.b3,
  FieldName.b3TraceId,
  FieldName.b3SpanId,
  FieldName.b3Sampled,
  FieldName.b3ParentSpanId,
  FieldName.b3Flags,
])
  isTraceField[name] = 1;

/** Writes the head of one try. `isUpgrade` keeps the Upgrade field, for a caller that may be switched over. */
export function writeRequestHead(out: OutBuffer, head: RequestHead, trace: TraceContext, isUpgrade: boolean): void {
  const bytes = head.bytes;
  if (head.isAbsolute) {
    out.copy(bytes, head.start, head.targetStart);
    if (head.pathStart === head.pathEnd) out.constant(slash);
    out.copy(bytes, head.pathStart, head.targetEnd);
  } else {
    out.copy(bytes, head.start, head.targetEnd);
  }
  out.constant(http11);
  if (head.isAbsolute || head.hostField === -1) {
    out.constant(hostField);
    out.copy(bytes, head.hostStart, head.hostEnd);
    out.constant(crlf);
  }

  const dropsListed = head.connectionNamesFields;
  let runStart = head.fieldsStart;
  for (let i = 0; i < head.fieldCount; i++) {
    const name = head.names[i]!;
    if (name === FieldName.other && !dropsListed) continue;
    const isKept =
      name === FieldName.other
        ? !isListedByConnection(head, i)
        : isHopByHop[name] === 0 &&
          isTraceField[name] === 0 &&
          name !== FieldName.meshlaneReason &&
          !(name === FieldName.host && head.isAbsolute) &&
          !(name === FieldName.expect && head.minorVersion === 0);
    if (isKept) continue;
    runStart = skipField(out, head, i, runStart);
  }
  out.copy(bytes, runStart, head.end - 2);

  if (head.isChunked) out.constant(chunked);
  else if (head.contentLength !== noLength) writeLength(out, head.contentLength);
  if (isUpgrade) writeUpgrade(out, head);
  out.constant(traceparent);
  out.constant(trace.bytes);
  out.constant(crlf);
  if (trace.isB3) {
    out.constant(b3);
    out.text(trace.b3);
    out.constant(crlf);
  }
  out.constant(crlf);
}

/** How the reply's body is framed towards the caller. */
export const ReplyFraming = { none: 0, length: 1, chunked: 2, close: 3 } as const;
export type ReplyFraming = (typeof ReplyFraming)[keyof typeof ReplyFraming];

export type ReplyOptions = {
  framing: ReplyFraming;
  /** The caller spoke HTTP/1.0 and has to be told that the connection stays. */
  saysKeepAlive: boolean;
  saysClose: boolean;
  /** Replies of an application may not speak in our name. */
  stripsReason: boolean;
  isUpgrade: boolean;
};

/** Writes a reply head; an interim one (1xx) gets no framing. */
export function writeReplyHead(out: OutBuffer, head: ReplyHead, options: ReplyOptions): void {
  const bytes = head.bytes;
  out.constant(status11);
  out.copy(bytes, head.start + 9, head.start + 12);
  out.constant(space);
  out.copy(bytes, head.reasonStart, head.reasonEnd);
  out.constant(crlf);

  const dropsListed = head.connectionNamesFields;
  let runStart = head.fieldsStart;
  for (let i = 0; i < head.fieldCount; i++) {
    const name = head.names[i]!;
    if (name === FieldName.other && !dropsListed) continue;
    const isKept =
      name === FieldName.other
        ? !isListedByConnection(head, i)
        : isHopByHop[name] === 0 && !(name === FieldName.meshlaneReason && options.stripsReason);
    if (isKept) continue;
    runStart = skipField(out, head, i, runStart);
  }
  out.copy(bytes, runStart, head.end - 2);

  if (options.framing === ReplyFraming.chunked) out.constant(chunked);
  else if (head.contentLength !== noLength && head.status !== 204 && head.status >= 200)
    writeLength(out, head.contentLength);
  if (options.isUpgrade) writeUpgrade(out, head);
  else if (options.saysClose) out.constant(connectionClose);
  else if (options.saysKeepAlive) out.constant(connectionKeepAlive);
  out.constant(crlf);
}

/** Writes the trailer section without what may not stand there (RFC 9110 §6.5.1), and the empty line. */
export function writeTrailers(out: OutBuffer, trailers: Head): void {
  for (let i = 0; i < trailers.fieldCount; i++) {
    const name = trailers.names[i]!;
    if (isHopByHop[name] === 1 || name === FieldName.host || name === FieldName.meshlaneReason) continue;
    out.copy(trailers.bytes, trailers.offsets[i * 4]!, trailers.offsets[i * 4 + 1]!);
    out.text(': ');
    out.copy(trailers.bytes, trailers.offsets[i * 4 + 2]!, trailers.offsets[i * 4 + 3]!);
    out.constant(crlf);
  }
  out.constant(crlf);
}

/** Copies the run before a field that is left out; returns where the next run begins. */
function skipField(out: OutBuffer, head: Head, field: number, runStart: number): number {
  out.copy(head.bytes, runStart, head.offsets[field * 4]!);
  return field + 1 < head.fieldCount ? head.offsets[(field + 1) * 4]! : head.end - 2;
}

function writeLength(out: OutBuffer, length: number): void {
  out.constant(contentLength);
  out.decimal(length);
  out.constant(crlf);
}

function writeUpgrade(out: OutBuffer, head: Head): void {
  out.constant(connectionUpgrade);
  out.constant(upgradeField);
  out.copy(head.bytes, head.offsets[head.upgradeField * 4 + 2]!, head.offsets[head.upgradeField * 4 + 3]!);
  out.constant(crlf);
}
