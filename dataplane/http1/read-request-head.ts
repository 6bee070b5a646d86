import { CR, isMethodByte, isTargetByte, LF, SP, textAt } from '../message/grammar.ts';
import { type HeadLimits, HeadVerdict } from '../message/head.ts';
import { methodAt } from '../message/method.ts';
import type { RequestHead } from '../message/request-head.ts';
import { readFields } from './read-fields.ts';

const versionBytes = Buffer.from('HTTP/1.', 'latin1');
const QUESTION = 63;
const SLASH = 47;
const ASTERISK = 42;
const HASH = 35;

const noGoodHost = 'no Host, or one that is not a host and port';

/** Reads one request head (RFC 9112 §3) from `bytes[from..to)`. */
export function readRequestHead(
  head: RequestHead,
  bytes: Buffer,
  from: number,
  to: number,
  limits: HeadLimits,
): HeadVerdict {
  head.reset(bytes, from);
  const until = Math.min(to, from + limits.headBytes); // what is beyond is not looked at, however it arrived
  const lineEnd = readLine(head, from, until, limits);
  if (lineEnd < 0) return lineEnd === -1 ? partial(head, until - from, limits) : HeadVerdict.refused;
  const verdict = readFields(head, lineEnd, until, limits);
  if (verdict === HeadVerdict.partial) return partial(head, until - from, limits);
  if (verdict === HeadVerdict.refused) return verdict;
  return head.readKnownFields() === HeadVerdict.refused ? HeadVerdict.refused : checkTarget(head);
}

function partial(head: RequestHead, size: number, limits: HeadLimits): HeadVerdict {
  return size < limits.headBytes
    ? HeadVerdict.partial
    : head.refuse('head_too_large', `more than ${limits.headBytes} bytes`);
}

/** Offset after the request line, -1 when it is cut short, -2 when it is refused. */
function readLine(head: RequestHead, from: number, to: number, limits: HeadLimits): number {
  const bytes = head.bytes;
  let at = from;
  while (at < to && isMethodByte[bytes[at]!] === 1) at++;
  if (at >= to) return at - from > 32 ? refuseLine(head, 'a method of more than 32 characters') : -1;
  if (at - from > 32) return refuseLine(head, 'a method of more than 32 characters');
  if (bytes[at] !== SP || at === from) return refuseLine(head, 'a request line without a method');
  head.method = methodAt(bytes, from, at);

  head.targetStart = ++at;
  head.pathStart = at;
  let pathEnd = -1;
  while (at < to && isTargetByte[bytes[at]!] === 1) {
    if (bytes[at] === QUESTION && pathEnd === -1) pathEnd = at;
    else if (bytes[at] === HASH) return refuseLine(head, 'a fragment in the request target');
    at++;
  }
  if (at - head.targetStart > limits.targetBytes) {
    head.refuse('target_too_long', `more than ${limits.targetBytes} bytes`);
    return -2;
  }
  if (at >= to) return -1;
  if (bytes[at] !== SP || at === head.targetStart) return refuseLine(head, 'a request line without a target');
  head.targetEnd = at;
  head.pathEnd = pathEnd === -1 ? at : pathEnd;

  at++;
  if (to - at < 10) {
    // Up to the number only: whether that one is spoken here is decided when the line is whole.
    for (let i = 0; at + i < to && i < 5; i++)
      if (bytes[at + i] !== versionBytes[i]) return refuseLine(head, 'a request line without a version');
    return -1;
  }
  for (let i = 0; i < 7; i++) if (bytes[at + i] !== versionBytes[i]) return refuseVersion(head, at, to);
  const minor = bytes[at + 7]! - 48;
  if (bytes[at + 8] !== CR || bytes[at + 9] !== LF)
    return refuseLine(head, 'a request line that does not end in CR LF');
  if (minor !== 0 && minor !== 1) return refuseVersion(head, at, to);
  head.minorVersion = minor;
  return at + 10;
}

function refuseLine(head: RequestHead, detail: string): number {
  head.refuse('bad_request', detail);
  return -2;
}

function refuseVersion(head: RequestHead, at: number, to: number): number {
  const isVersion = /^HTTP\/[0-9]\.[0-9]\r\n/.test(textAt(head.bytes, at, Math.min(to, at + 12)));
  if (!isVersion) return refuseLine(head, 'a request line without a version');
  head.refuse('version_not_supported', 'only HTTP/1.0 and HTTP/1.1');
  return -2;
}

function checkTarget(head: RequestHead): HeadVerdict {
  if (head.method === 'CONNECT') return checkConnect(head);
  const first = head.bytes[head.targetStart];
  if (first === ASTERISK) {
    if (head.targetEnd - head.targetStart !== 1 || head.method !== 'OPTIONS')
      return head.refuse('bad_request', 'a target of "*" outside OPTIONS');
  } else if (first !== SLASH && !readAbsolute(head)) {
    return head.refuse('bad_request', 'a target that is neither a path nor an http URL');
  }
  if (!head.isAbsolute) {
    if (head.hostField === -1) {
      if (head.minorVersion === 1) return head.refuse('bad_request', 'no Host');
      head.hostStart = head.hostEnd = 0;
    } else {
      head.hostStart = head.offsets[head.hostField * 4 + 2]!;
      head.hostEnd = head.offsets[head.hostField * 4 + 3]!;
    }
  } else if (!hasGoodHost(head)) return head.refuse('bad_request', noGoodHost);
  return head.readHost() ? HeadVerdict.whole : head.refuse('bad_request', 'a Host that is not a host and port');
}

/** RFC 9110 §9.3.6, RFC 9112 §3.2.3: the target is a host and a port, both given, and what follows the head is no body. */
function checkConnect(head: RequestHead): HeadVerdict {
  if (!head.takesConnect) return head.refuse('not_implemented', 'CONNECT is not offered here');
  if (head.isChunked || head.contentLength > 0) return head.refuse('bad_request', 'a CONNECT with a body');
  if (!hasGoodHost(head)) return head.refuse('bad_request', noGoodHost);
  head.hostStart = head.targetStart;
  head.hostEnd = head.targetEnd;
  head.pathStart = head.pathEnd = head.targetEnd;
  const port = /:([0-9]{1,5})$/.exec(textAt(head.bytes, head.targetStart, head.targetEnd));
  head.connectPort = port === null ? 0 : Number(port[1]);
  if (head.connectPort === 0 || head.connectPort > 65_535 || !head.readHost())
    return head.refuse('bad_request', 'a CONNECT to what is no host and port');
  return HeadVerdict.whole;
}

/** Splits `http://authority/path` (RFC 9112 §3.2.2). */
function readAbsolute(head: RequestHead): boolean {
  const target = textAt(head.bytes, head.targetStart, head.targetEnd);
  const scheme = /^https?:\/\/([^/?]+)/i.exec(target);
  if (!scheme) return false;
  head.isAbsolute = true;
  head.hostEnd = head.targetStart + scheme[0].length;
  head.hostStart = head.hostEnd - scheme[1]!.length;
  head.pathStart = head.hostEnd;
  if (head.pathEnd < head.pathStart) head.pathEnd = head.pathStart;
  return true;
}

/** The target stands for it, and yet it has to be there and be one (RFC 9112 §3.2). */
function hasGoodHost(head: RequestHead): boolean {
  return head.hostField === -1 ? head.minorVersion === 0 : head.hasGoodHostField;
}
