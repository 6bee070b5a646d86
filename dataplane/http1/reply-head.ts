import { FieldName } from './field-name.ts';
import { CR, isValueByte, LF, SP } from './grammar.ts';
import { framingFault, Head, type HeadLimits, HeadVerdict, readFields, readFramingField } from './head.ts';

const versionBytes = Buffer.from('HTTP/1.', 'latin1');

/** A reply head (RFC 9112 §4). */
export class ReplyHead extends Head {
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  /** Place of `x-meshlane-reason`, -1 when there is none. */
  meshlaneReasonField = -1;

  read(bytes: Buffer, from: number, to: number, limits: HeadLimits): HeadVerdict {
    this.reset(bytes, from);
    this.meshlaneReasonField = -1;
    const until = Math.min(to, from + limits.headBytes); // what is beyond is not looked at, however it arrived
    const lineEnd = this.#readLine(from, until);
    if (lineEnd === -2) return this.refuse('upstream_protocol', 'a status line that is not HTTP/1');
    const verdict = lineEnd === -1 ? HeadVerdict.partial : readFields(this, lineEnd, until, limits);
    if (verdict === HeadVerdict.partial && until - from === limits.headBytes)
      return this.refuse('upstream_protocol', `a head of more than ${limits.headBytes} bytes`);
    if (verdict !== HeadVerdict.whole) return verdict;
    return this.#check();
  }

  /** Offset after the status line, -1 when it is cut short, -2 when it is none. */
  #readLine(from: number, to: number): number {
    const bytes = this.bytes;
    for (let i = 0; i < 7; i++) {
      if (from + i >= to) return -1;
      if (bytes[from + i] !== versionBytes[i]) return -2;
    }
    if (to - from < 13) return -1;
    const minor = bytes[from + 7]! - 48;
    if ((minor !== 0 && minor !== 1) || bytes[from + 8] !== SP) return -2;
    this.minorVersion = minor;
    let status = 0;
    for (let i = from + 9; i < from + 12; i++) {
      const digit = bytes[i]! - 48;
      if (digit < 0 || digit > 9) return -2;
      status = status * 10 + digit;
    }
    if (status < 100 || status > 599) return -2;
    this.status = status;
    let at = from + 12;
    // RFC 9112 §4 asks for a space even before an empty reason; many servers leave it out.
    if (bytes[at] !== SP && bytes[at] !== CR) return -2;
    if (bytes[at] === SP) at++;
    this.reasonStart = at;
    while (at < to && isValueByte[bytes[at]!] === 1) at++;
    if (at + 1 >= to) return at < to && bytes[at] !== CR ? -2 : -1;
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return -2;
    this.reasonEnd = at;
    return at + 2;
  }

  #check(): HeadVerdict {
    for (let i = 0; i < this.fieldCount; i++) {
      switch (this.names[i]) {
        case FieldName.other:
          break;
        case FieldName.meshlaneReason:
          this.meshlaneReasonField = i;
          break;
        default: {
          const fault = readFramingField(this, i);
          if (fault !== null) return this.refuse('upstream_protocol', fault);
        }
      }
    }
    const fault = framingFault(this);
    if (fault !== null) return this.refuse('upstream_protocol', fault);
    // RFC 9110 §8.6, RFC 9112 §6.1: whoever wrote it means a body where no other reader sees one.
    if (this.status < 200 && (this.isChunked || this.contentLength > 0))
      return this.refuse('upstream_protocol', 'an interim reply with a body');
    return HeadVerdict.whole;
  }
}
