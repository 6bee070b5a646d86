import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { Caller } from '../message/caller.ts';
import { FieldName, fieldNames, isHopByHop } from '../message/field-name.ts';
import { type Head, isListedByConnection, noLength } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import { ascii, type OutBuffer } from '../transport/out-buffer.ts';
import { writeForwarding } from './forwarding.ts';

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
const asterisk = ascii('*');
const maxForwards = ascii('Max-Forwards: ');

/**
 * When a field stays behind, by the number of its name: bits of the cases that a head can be in. A head is written with
 * the cases that hold for it.
 */
const Case = {
  always: 1,
  request: 2,
  absolute: 4,
  old: 8,
  newTrace: 16,
  application: 32,
  trusted: 64,
  countsDown: 128,
} as const;

const droppedIn = new Uint8Array(fieldNames);
for (let name = 0; name < isHopByHop.length; name++) if (isHopByHop[name] === 1) droppedIn[name] = Case.always;
droppedIn[FieldName.removed] = droppedIn[FieldName.twin] = Case.always;
for (const name of [
  FieldName.traceparent,
  FieldName.b3,
  FieldName.b3TraceId,
  FieldName.b3SpanId,
  FieldName.b3Sampled,
  FieldName.b3ParentSpanId,
  FieldName.b3Flags,
])
  droppedIn[name] = Case.request;
droppedIn[FieldName.meshlaneReason] = droppedIn[FieldName.meshlane] = Case.request | Case.application;
// Written anew, with the caller's address behind what it said itself.
droppedIn[FieldName.forwarded] = droppedIn[FieldName.forwardedFor] = Case.trusted;
droppedIn[FieldName.maxForwards] = Case.countsDown;
droppedIn[FieldName.host] = Case.absolute;
// HTTP/1.0 knows no interim replies, so its callers cannot wait for one (RFC 9110 §10.1.1).
droppedIn[FieldName.expect] = Case.old;
// Without the traceparent it belongs to, it says nothing (W3C Trace Context §3.3).
droppedIn[FieldName.tracestate] = Case.newTrace;

/** Writes the head of one try. `isUpgrade` keeps the Upgrade field, for a caller that may be switched over. */
export function writeRequestHead(
  out: OutBuffer,
  head: RequestHead,
  trace: TraceContext,
  caller: Caller,
  isUpgrade: boolean,
): void {
  const bytes = head.bytes;
  if (head.isAbsolute) {
    out.copy(bytes, head.start, head.targetStart);
    // RFC 9112 §3.2.4: nothing behind the authority asks about the server as a whole.
    if (head.pathStart === head.targetEnd && head.method === 'OPTIONS') out.constant(asterisk);
    else if (head.pathStart === head.pathEnd) out.constant(slash);
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

  writeFields(out, head, casesOf(head, trace, caller));

  if (head.isChunked) out.constant(chunked);
  else if (head.contentLength !== noLength) writeLength(out, head.contentLength);
  if (isUpgrade) writeUpgrade(out, head);
  // After what Connection lists is gone, so that no caller can have it taken away (RFC 9110 §7.6.1).
  if (caller.forwarding !== null) writeForwarding(out, head, caller, caller.forwarding);
  if (caller.via !== null) out.constant(head.minorVersion === 0 ? caller.via.oldLine : caller.via.line);
  if (head.maxForwards > 0) writeMaxForwards(out, head.maxForwards - 1);
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

  writeFields(out, head, options.stripsReason ? Case.always | Case.application : Case.always);

  if (options.framing === ReplyFraming.chunked) out.constant(chunked);
  else if (head.contentLength !== noLength && head.status !== 204 && head.status >= 200)
    writeLength(out, head.contentLength);
  if (options.isUpgrade) writeUpgrade(out, head);
  else if (options.saysClose) out.constant(connectionClose);
  else if (options.saysKeepAlive) out.constant(connectionKeepAlive);
  out.constant(crlf);
}

const notInTrailers = isHopByHop.slice();
for (const name of [
  FieldName.host,
  FieldName.trailer,
  FieldName.expect,
  FieldName.maxForwards,
  FieldName.meshlaneReason,
  FieldName.meshlane,
  FieldName.twin,
  FieldName.removed,
])
  notInTrailers[name] = 1;

/** Writes the trailer section without what may not stand there (RFC 9110 §6.5.1), and the empty line. */
export function writeTrailers(out: OutBuffer, trailers: Head): void {
  for (let i = 0; i < trailers.fieldCount; i++) {
    if (notInTrailers[trailers.names[i]!] === 1) continue;
    out.copy(trailers.bytes, trailers.offsets[i * 4]!, trailers.offsets[i * 4 + 1]!);
    out.text(': ');
    out.copy(trailers.bytes, trailers.offsets[i * 4 + 2]!, trailers.offsets[i * 4 + 3]!);
    out.constant(crlf);
  }
  out.constant(crlf);
}

function casesOf(head: RequestHead, trace: TraceContext, caller: Caller): number {
  let cases: number = Case.always | Case.request;
  if (head.isAbsolute) cases |= Case.absolute;
  if (head.minorVersion === 0) cases |= Case.old;
  if (!trace.hasParent || trace.isB3) cases |= Case.newTrace;
  if (caller.isTrusted) cases |= Case.trusted;
  if (head.maxForwards > 0) cases |= Case.countsDown;
  return cases;
}

/** Copies the field lines in runs, without those that are dropped by their name or because Connection lists them. */
function writeFields(out: OutBuffer, head: Head, cases: number): void {
  const { bytes, names, offsets, fieldCount, connectionNamesFields } = head;
  let runStart = head.fieldsStart;
  for (let i = 0; i < fieldCount; i++) {
    const name = names[i]!;
    const isDropped =
      (droppedIn[name]! & cases) !== 0 ||
      (connectionNamesFields && name !== FieldName.host && isListedByConnection(head, i));
    if (!isDropped) continue;
    out.copy(bytes, runStart, offsets[i * 4]!);
    runStart = i + 1 < fieldCount ? offsets[(i + 1) * 4]! : head.end - 2;
  }
  out.copy(bytes, runStart, head.end - 2);
}

function writeMaxForwards(out: OutBuffer, left: number): void {
  out.constant(maxForwards);
  out.decimal(left);
  out.constant(crlf);
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
