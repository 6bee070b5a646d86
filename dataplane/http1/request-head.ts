import { hostOfAuthority } from './authority.ts';
import { FieldName } from './field-name.ts';
import { CR, isMethodByte, isTargetByte, LF, SP, textAt } from './grammar.ts';
import { guardOf } from './guard.ts';
import { framingFault, Head, type HeadLimits, HeadVerdict, readFields, readFramingField } from './head.ts';

const methodsByLength: readonly (readonly string[])[] = [
  [],
  [],
  [],
  ['GET', 'PUT'],
  ['POST', 'HEAD'],
  ['PATCH', 'TRACE'],
  ['DELETE'],
  ['OPTIONS', 'CONNECT'],
];

const versionBytes = Buffer.from('HTTP/1.', 'latin1');
const QUESTION = 63;
const SLASH = 47;
const ASTERISK = 42;
const HASH = 35;

/** Stands for a field that may come once and came more often: none of its values can be trusted. */
const repeatedField = -2;

const noGoodHost = 'no Host, or one that is not a host and port';

/** A name of 253 characters (RFC 1035 §3.1), a dot and a port. */
const mostHostBytes = 260;

/** What a higher Max-Forwards is lowered to (RFC 9110 §7.6.2). */
const mostForwards = 1000;

/** A request head (RFC 9112 §3) as a view that routes can ask. */
export class RequestHead extends Head {
  method = '';
  targetStart = 0;
  targetEnd = 0;
  /** Where the path begins and ends; the query, if any, follows up to targetEnd. */
  pathStart = 0;
  pathEnd = 0;
  /** The target was in absolute form, and its authority stands at hostStart..hostEnd. */
  isAbsolute = false;
  hostField = -1;
  hostStart = 0;
  hostEnd = 0;
  traceparentField = -1;
  b3Field = -1;
  b3TraceIdField = -1;
  b3SpanIdField = -1;
  b3SampledField = -1;
  /** Kinds of guarded fields that are there. */
  guarded = 0;
  /** How often a TRACE or OPTIONS may still be forwarded; -1 without a limit (RFC 9110 §7.6.2). */
  maxForwards = -1;
  /** Whether CONNECT is offered to this caller. */
  takesConnect = false;
  /** Port that a CONNECT names; 0 for every other method. */
  connectPort = 0;

  #host = '';
  #path: string | null = null;

  /** Host without port, lower case. Kept over requests: a connection mostly asks for one host. */
  get host(): string {
    return this.#host;
  }

  get path(): string {
    let path = this.#path;
    if (path === null) {
      path = this.pathStart === this.pathEnd ? '/' : textAt(this.bytes, this.pathStart, this.pathEnd);
      this.#path = path;
    }
    return path;
  }

  /** Reads one head from `bytes[from..to)`. */
  read(bytes: Buffer, from: number, to: number, limits: HeadLimits): HeadVerdict {
    this.reset(bytes, from);
    this.method = '';
    this.#path = null;
    this.isAbsolute = false;
    this.hostField = -1;
    this.traceparentField = -1;
    this.b3Field = -1;
    this.b3TraceIdField = -1;
    this.b3SpanIdField = -1;
    this.b3SampledField = -1;
    this.guarded = 0;
    this.maxForwards = -1;
    this.connectPort = 0;

    const until = Math.min(to, from + limits.headBytes); // what is beyond is not looked at, however it arrived
    const lineEnd = this.#readLine(from, until, limits);
    if (lineEnd < 0) return lineEnd === -1 ? this.#partial(until - from, limits) : HeadVerdict.refused;
    const verdict = readFields(this, lineEnd, until, limits);
    if (verdict === HeadVerdict.partial) return this.#partial(until - from, limits);
    if (verdict === HeadVerdict.refused) return verdict;
    return this.#check();
  }

  #partial(size: number, limits: HeadLimits): HeadVerdict {
    return size < limits.headBytes
      ? HeadVerdict.partial
      : this.refuse('head_too_large', `more than ${limits.headBytes} bytes`);
  }

  /** Offset after the request line, -1 when it is cut short, -2 when it is refused. */
  #readLine(from: number, to: number, limits: HeadLimits): number {
    const bytes = this.bytes;
    let at = from;
    while (at < to && isMethodByte[bytes[at]!] === 1) at++;
    if (at >= to) return at - from > 32 ? this.#refuseLine('a method of more than 32 characters') : -1;
    if (at - from > 32) return this.#refuseLine('a method of more than 32 characters');
    if (bytes[at] !== SP || at === from) return this.#refuseLine('a request line without a method');
    this.method = methodAt(bytes, from, at);

    this.targetStart = ++at;
    this.pathStart = at;
    let pathEnd = -1;
    while (at < to && isTargetByte[bytes[at]!] === 1) {
      if (bytes[at] === QUESTION && pathEnd === -1) pathEnd = at;
      else if (bytes[at] === HASH) return this.#refuseLine('a fragment in the request target');
      at++;
    }
    if (at - this.targetStart > limits.targetBytes) {
      this.refuse('target_too_long', `more than ${limits.targetBytes} bytes`);
      return -2;
    }
    if (at >= to) return -1;
    if (bytes[at] !== SP || at === this.targetStart) return this.#refuseLine('a request line without a target');
    this.targetEnd = at;
    this.pathEnd = pathEnd === -1 ? at : pathEnd;

    at++;
    if (to - at < 10) {
      // Up to the number only: whether that one is spoken here is decided when the line is whole.
      for (let i = 0; at + i < to && i < 5; i++)
        if (bytes[at + i] !== versionBytes[i]) return this.#refuseLine('a request line without a version');
      return -1;
    }
    for (let i = 0; i < 7; i++) if (bytes[at + i] !== versionBytes[i]) return this.#refuseVersion(at, to);
    const minor = bytes[at + 7]! - 48;
    if (bytes[at + 8] !== CR || bytes[at + 9] !== LF)
      return this.#refuseLine('a request line that does not end in CR LF');
    if (minor !== 0 && minor !== 1) return this.#refuseVersion(at, to);
    this.minorVersion = minor;
    return at + 10;
  }

  #refuseLine(detail: string): number {
    this.refuse('bad_request', detail);
    return -2;
  }

  #refuseVersion(at: number, to: number): number {
    const isVersion = /^HTTP\/[0-9]\.[0-9]\r\n/.test(textAt(this.bytes, at, Math.min(to, at + 12)));
    if (!isVersion) return this.#refuseLine('a request line without a version');
    this.refuse('version_not_supported', 'only HTTP/1.0 and HTTP/1.1');
    return -2;
  }

  /** What has to hold between the fields (RFC 9112 §3.2, §6.1, §6.3). */
  #check(): HeadVerdict {
    for (let i = 0; i < this.fieldCount; i++) {
      switch (this.names[i]) {
        case FieldName.other:
          break;
        case FieldName.host:
          if (this.hostField !== -1) return this.refuse('bad_request', 'more than one Host');
          this.hostField = i;
          break;
        case FieldName.traceparent:
          this.traceparentField = this.traceparentField === -1 ? i : repeatedField;
          break;
        case FieldName.b3:
          this.b3Field = i;
          break;
        case FieldName.b3TraceId:
          this.b3TraceIdField = i;
          break;
        case FieldName.b3SpanId:
          this.b3SpanIdField = i;
          break;
        case FieldName.b3Sampled:
          this.b3SampledField = i;
          break;
        case FieldName.expect:
          if (!this.#expectsContinue(i)) return this.refuse('expectation_failed', 'only 100-continue is known');
          break;
        case FieldName.maxForwards:
          if (!this.#readMaxForwards(i)) return this.refuse('bad_request', 'a Max-Forwards that is not one number');
          break;
        default: {
          this.guarded |= guardOf[this.names[i]!]!;
          const fault = readFramingField(this, i);
          if (fault !== null) return this.refuse('bad_request', fault);
        }
      }
    }
    const fault = framingFault(this);
    if (fault !== null) return this.refuse('bad_request', fault);
    if ((this.isChunked || this.contentLength > 0) && this.method === 'TRACE')
      return this.refuse('bad_request', 'a TRACE with a body'); // RFC 9110 §9.3.8
    return this.#checkTarget();
  }

  /** Of what a caller may expect there is one thing only (RFC 9110 §10.1.1), and in HTTP/1.0 nothing, which is ignored. */
  #expectsContinue(field: number): boolean {
    return this.minorVersion === 0 || /^(?:100-continue)?$/i.test(this.valueAt(field));
  }

  /** For other methods it says nothing and travels on as it is. */
  #readMaxForwards(field: number): boolean {
    if (this.method !== 'TRACE' && this.method !== 'OPTIONS') return true;
    const value = this.valueAt(field);
    if (this.maxForwards !== -1 || !/^[0-9]{1,64}$/.test(value)) return false;
    this.maxForwards = Math.min(Number(value), mostForwards);
    return true;
  }

  #checkTarget(): HeadVerdict {
    if (this.method === 'CONNECT') return this.#checkConnect();
    const first = this.bytes[this.targetStart];
    if (first === ASTERISK) {
      if (this.targetEnd - this.targetStart !== 1 || this.method !== 'OPTIONS')
        return this.refuse('bad_request', 'a target of "*" outside OPTIONS');
    } else if (first !== SLASH && !this.#readAbsolute()) {
      return this.refuse('bad_request', 'a target that is neither a path nor an http URL');
    }
    if (!this.isAbsolute) {
      if (this.hostField === -1) {
        if (this.minorVersion === 1) return this.refuse('bad_request', 'no Host');
        this.hostStart = this.hostEnd = 0;
      } else {
        this.hostStart = this.offsets[this.hostField * 4 + 2]!;
        this.hostEnd = this.offsets[this.hostField * 4 + 3]!;
      }
    } else if (!this.#hasGoodHostField()) return this.refuse('bad_request', noGoodHost);
    return this.#readHost() ? HeadVerdict.whole : this.refuse('bad_request', 'a Host that is not a host and port');
  }

  /** RFC 9110 §9.3.6, RFC 9112 §3.2.3: the target is a host and a port, both given, and what follows the head is no body. */
  #checkConnect(): HeadVerdict {
    if (!this.takesConnect) return this.refuse('not_implemented', 'CONNECT is not offered here');
    if (this.isChunked || this.contentLength > 0) return this.refuse('bad_request', 'a CONNECT with a body');
    if (!this.#hasGoodHostField()) return this.refuse('bad_request', noGoodHost);
    this.hostStart = this.targetStart;
    this.hostEnd = this.targetEnd;
    this.pathStart = this.pathEnd = this.targetEnd;
    const port = /:([0-9]{1,5})$/.exec(textAt(this.bytes, this.targetStart, this.targetEnd));
    this.connectPort = port === null ? 0 : Number(port[1]);
    if (this.connectPort === 0 || this.connectPort > 65_535 || !this.#readHost())
      return this.refuse('bad_request', 'a CONNECT to what is no host and port');
    return HeadVerdict.whole;
  }

  /** Splits `http://authority/path` (RFC 9112 §3.2.2). */
  #readAbsolute(): boolean {
    const target = textAt(this.bytes, this.targetStart, this.targetEnd);
    const scheme = /^https?:\/\/([^/?]+)/i.exec(target);
    if (!scheme) return false;
    this.isAbsolute = true;
    this.hostEnd = this.targetStart + scheme[0].length;
    this.hostStart = this.hostEnd - scheme[1]!.length;
    this.pathStart = this.hostEnd;
    if (this.pathEnd < this.pathStart) this.pathEnd = this.pathStart;
    return true;
  }

  /** The target stands for it, and yet it has to be there and be one (RFC 9112 §3.2). */
  #hasGoodHostField(): boolean {
    if (this.hostField === -1) return this.minorVersion === 0;
    const value = this.valueAt(this.hostField);
    return value.length <= mostHostBytes && hostOfAuthority(value) !== null;
  }

  /** Sets the host from the authority; false when it is not one (RFC 3986 §3.2.2). */
  #readHost(): boolean {
    const { bytes, hostStart, hostEnd } = this;
    if (hostEnd - hostStart > mostHostBytes) return false;
    if (hostEnd === hostStart) return this.#hasNoHost();
    if (this.#isSameHost()) return true;
    const host = hostOfAuthority(textAt(bytes, hostStart, hostEnd));
    if (host === null) return false;
    this.#host = host;
    this.#hostBytes = Buffer.from(bytes.subarray(hostStart, hostEnd));
    return true;
  }

  #hostBytes: Buffer = Buffer.alloc(0);

  /** HTTP/1.0 may leave Host out. One that is there and empty names nobody (RFC 9110 §4.2.1). */
  #hasNoHost(): boolean {
    this.#host = '';
    this.#hostBytes = Buffer.alloc(0);
    return this.hostField === -1;
  }

  /** The authority is the one of the request before, whose host is still here. */
  #isSameHost(): boolean {
    const known = this.#hostBytes;
    const length = this.hostEnd - this.hostStart;
    if (known.length !== length) return false;
    for (let i = 0; i < length; i++) if (known[i] !== this.bytes[this.hostStart + i]) return false;
    return true;
  }
}

/** The method as a string that is shared for the usual ones. */
function methodAt(bytes: Buffer, from: number, to: number): string {
  const known = methodsByLength[to - from];
  if (known !== undefined)
    for (const method of known) {
      let i = 0;
      while (i < method.length && method.charCodeAt(i) === bytes[from + i]) i++;
      if (i === method.length) return method;
    }
  return textAt(bytes, from, to);
}
