import { preface } from '../../shared/http2/frame.ts';
import { CR, isMethodByte, isTargetByte, LF, SP } from '../message/grammar.ts';

/** What a connection begins with; each is null while more bytes may still tell otherwise. */

const tls = Buffer.from([0x16, 0x03]);
const version = Buffer.from('HTTP/', 'latin1');
const mostMethodBytes = 32;
/** A line that goes on for longer is HTTP/1's to refuse. */
const mostLineBytes = 16_384;

/** HTTP/2 begins as no request of HTTP/1 can (RFC 9113 §3.4). */
export function isHttp2(bytes: Buffer): boolean | null {
  return beginsWith(bytes, 0, preface);
}

/** A record with a handshake in it, of a version that TLS has had (RFC 8446 §5.1). */
export function isTls(bytes: Buffer): boolean | null {
  const isRecord = beginsWith(bytes, 0, tls);
  if (isRecord !== true) return isRecord;
  return bytes.length > tls.length ? bytes[tls.length]! < 0x10 : null;
}

/**
 * A request line up to its `HTTP/` (RFC 9112 §3): no less, because other protocols begin with a word in capitals and a space, too
 * (RTSP, SIP, IRC).
 */
export function isHttp1(bytes: Buffer): boolean | null {
  const start = bytes[0] === CR ? 2 : 0; // an empty line before it (RFC 9112 §2.2)
  if (start > 0 && bytes.length > 1 && bytes[1] !== LF) return false;
  let at = start;
  while (at < bytes.length && at - start < mostMethodBytes && isMethodByte[bytes[at]!] === 1) at++;
  if (at >= bytes.length) return null;
  if (at === start || bytes[at] !== SP) return false;
  const targetStart = ++at;
  while (at < bytes.length && isTargetByte[bytes[at]!] === 1) at++;
  if (at >= mostLineBytes) return true;
  if (at >= bytes.length) return null;
  return at > targetStart && bytes[at] === SP && beginsWith(bytes, at + 1, version);
}

/** Whether a text begins at a place. */
function beginsWith(bytes: Buffer, at: number, text: Buffer): boolean | null {
  const common = Math.min(bytes.length - at, text.length);
  if (common <= 0) return null;
  if (bytes.compare(text, 0, common, at, at + common) !== 0) return false;
  return common === text.length ? true : null;
}
