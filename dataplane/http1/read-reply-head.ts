import { CR, isValueByte, LF, SP } from '../message/grammar.ts';
import { type HeadLimits, HeadVerdict } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { readFields } from './read-fields.ts';

const versionBytes = Buffer.from('HTTP/1.', 'latin1');

/** Reads one reply head (RFC 9112 §4) from `bytes[from..to)`. */
export function readReplyHead(
  head: ReplyHead,
  bytes: Buffer,
  from: number,
  to: number,
  limits: HeadLimits,
): HeadVerdict {
  head.reset(bytes, from);
  const until = Math.min(to, from + limits.headBytes); // what is beyond is not looked at, however it arrived
  const lineEnd = readLine(head, from, until);
  if (lineEnd === -2) return head.refuse('upstream_protocol', 'a status line that is not HTTP/1');
  const verdict = lineEnd === -1 ? HeadVerdict.partial : readFields(head, lineEnd, until, limits);
  if (verdict === HeadVerdict.partial && until - from === limits.headBytes)
    return head.refuse('upstream_protocol', `a head of more than ${limits.headBytes} bytes`);
  if (verdict !== HeadVerdict.whole) return verdict;
  return head.readKnownFields();
}

/** Offset after the status line, -1 when it is cut short, -2 when it is none. */
function readLine(head: ReplyHead, from: number, to: number): number {
  const bytes = head.bytes;
  for (let i = 0; i < 7; i++) {
    if (from + i >= to) return -1;
    if (bytes[from + i] !== versionBytes[i]) return -2;
  }
  if (to - from < 13) return -1;
  const minor = bytes[from + 7]! - 48;
  if ((minor !== 0 && minor !== 1) || bytes[from + 8] !== SP) return -2;
  head.minorVersion = minor;
  let status = 0;
  for (let i = from + 9; i < from + 12; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return -2;
    status = status * 10 + digit;
  }
  if (status < 100 || status > 599) return -2;
  head.status = status;
  let at = from + 12;
  // RFC 9112 §4 asks for a space even before an empty reason; many servers leave it out.
  if (bytes[at] !== SP && bytes[at] !== CR) return -2;
  if (bytes[at] === SP) at++;
  head.reasonStart = at;
  while (at < to && isValueByte[bytes[at]!] === 1) at++;
  if (at + 1 >= to) return at < to && bytes[at] !== CR ? -2 : -1;
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return -2;
  head.reasonEnd = at;
  return at + 2;
}
