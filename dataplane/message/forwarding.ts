import { ascii, type OutBuffer } from '../transport/out-buffer.ts';
import type { Caller, ForwardingText } from './caller.ts';
import { FieldName } from './field-name.ts';
import { Guard } from './guard.ts';
import type { RequestHead } from './request-head.ts';

const crlf = ascii('\r\n');
const comma = ascii(', ');
const forLine = ascii('X-Forwarded-For: ');
const hostLine = ascii('X-Forwarded-Host: ');
const forwardedLine = ascii('Forwarded: ');
const elementEnd = ascii('"\r\n');

/** Writes the fields that tell the next hop who called and what for (RFC 7239, and the older X-Forwarded ones). */
export function writeForwarding(out: OutBuffer, head: RequestHead, caller: Caller, text: ForwardingText): void {
  if (text.xForwarded !== null) {
    if (caller.isTrusted && (head.guarded & Guard.xForwarded) !== 0) writeOlderChain(out, head, text);
    else {
      out.constant(text.xForwarded);
      writeHost(out, head);
      out.constant(crlf);
    }
  }
  if (text.element !== null) {
    out.constant(forwardedLine);
    if (caller.isTrusted && (head.guarded & Guard.forwarded) !== 0) writeValues(out, head, FieldName.forwarded);
    out.constant(text.element);
    writeHost(out, head);
    out.constant(elementEnd);
  }
}

/**
 * Adds our caller to what it said itself. All in one line, though several would say the same (RFC 9110 §5.3): there are
 * applications that only look at the first one, and would not see the address that we know of.
 */
function writeOlderChain(out: OutBuffer, head: RequestHead, text: ForwardingText): void {
  out.constant(forLine);
  writeValues(out, head, FieldName.forwardedFor);
  out.constant(text.address);
  out.constant(crlf);
  if (!head.has(FieldName.forwardedProto)) out.constant(text.protoLine);
  if (head.has(FieldName.forwardedHost)) return;
  out.constant(hostLine);
  writeHost(out, head);
  out.constant(crlf);
}

/** Writes the values of all lines of a field, each with a comma behind it. */
function writeValues(out: OutBuffer, head: RequestHead, name: FieldName): void {
  for (let i = 0; i < head.fieldCount; i++) {
    const from = head.offsets[i * 4 + 2]!;
    const to = head.offsets[i * 4 + 3]!;
    if (head.names[i] !== name || from === to) continue;
    out.copy(head.bytes, from, to);
    out.constant(comma);
  }
}

/**
 * The host that the caller asked for, whichever goes on. It has no byte that would have to be escaped between quotes
 * (RFC 3986 §3.2.2).
 */
function writeHost(out: OutBuffer, head: RequestHead): void {
  if (head.askedHostEnd > 0) out.copy(head.bytes, 0, head.askedHostEnd);
  else out.copy(head.bytes, head.hostStart, head.hostEnd);
}
