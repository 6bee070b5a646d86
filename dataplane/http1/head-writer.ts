import { viaLine } from '../message/caller.ts';
import { Case, droppedIn, notInTrailers, requestCases } from '../message/dropped-fields.ts';
import { FieldName } from '../message/field-name.ts';
import { writeForwarding } from '../message/forwarding.ts';
import { type Head, isListedByConnection, noLength } from '../message/head.ts';
import type { OutgoingHead } from '../message/outgoing-head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { ascii, type OutBuffer } from '../transport/out-buffer.ts';

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
const deadline = ascii('x-meshlane-deadline-ms: ');
const attemptLine = ascii('x-meshlane-attempt: ');

/** Writes the head of one try. */
export function writeRequestHead(
  out: OutBuffer,
  { head, trace, caller, isUpgrade, remainingMs, attempt }: OutgoingHead,
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

  writeFields(out, head, requestCases(head, trace, caller));

  if (head.isChunked) out.constant(chunked);
  else if (head.contentLength !== noLength) writeLength(out, head.contentLength);
  if (isUpgrade) writeUpgrade(out, head);
  // After what Connection lists is gone, so that no caller can have it taken away (RFC 9110 §7.6.1).
  if (caller.forwarding !== null) writeForwarding(out, head, caller, caller.forwarding);
  if (caller.via !== null) out.constant(viaLine(caller.via, head));
  if (head.maxForwards > 0) writeNumber(out, maxForwards, head.maxForwards - 1);
  if (remainingMs > 0) writeNumber(out, deadline, Math.floor(remainingMs));
  if (attempt > 1) writeNumber(out, attemptLine, attempt);
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
export const ReplyFraming = { none: 0, length: 1, chunked: 2, close: 3, empty: 4 } as const;
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
  else if (options.framing === ReplyFraming.empty) writeLength(out, 0);
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
    if (notInTrailers[trailers.names[i]!] === 1) continue;
    out.copy(trailers.bytes, trailers.offsets[i * 4]!, trailers.offsets[i * 4 + 1]!);
    out.text(': ');
    out.copy(trailers.bytes, trailers.offsets[i * 4 + 2]!, trailers.offsets[i * 4 + 3]!);
    out.constant(crlf);
  }
  out.constant(crlf);
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

function writeLength(out: OutBuffer, length: number): void {
  writeNumber(out, contentLength, length);
}

function writeNumber(out: OutBuffer, name: Buffer, value: number): void {
  out.constant(name);
  out.decimal(value);
  out.constant(crlf);
}

function writeUpgrade(out: OutBuffer, head: Head): void {
  out.constant(connectionUpgrade);
  out.constant(upgradeField);
  out.copy(head.bytes, head.offsets[head.upgradeField * 4 + 2]!, head.offsets[head.upgradeField * 4 + 3]!);
  out.constant(crlf);
}
