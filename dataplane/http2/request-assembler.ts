import type { HpackDecoder } from '../../shared/http2/hpack/decoder.ts';
import { FieldName } from '../message/field-name.ts';
import { isMethodByte, isTargetByte, textAt } from '../message/grammar.ts';
import { type HeadLimits, HeadVerdict, noLength } from '../message/head.ts';
import { methodAt } from '../message/method.ts';
import type { RequestHead } from '../message/request-head.ts';
import { newKey } from '../message/web-socket.ts';
import { FieldKind } from './field-kind.ts';
import { HeadAssembler, type ListLimits } from './head-assembler.ts';

const SLASH = 47;
const ASTERISK = 42;
const QUESTION = 63;
const HASH = 35;
const space = Buffer.from(' ');
const mostMethodBytes = 32;
const absent = -1;

/** Methods that usually come without a body, so that its absence need not be said. */
const bodyless = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'CONNECT']);

/** Puts requests together (RFC 9113 §8.3.1, RFC 8441 §4). */
export class RequestAssembler extends HeadAssembler<RequestHead> {
  /** Where the value of each pseudo-header field begins and ends, by its kind. */
  readonly #starts = new Int32Array(8);
  readonly #ends = new Int32Array(8);

  override begin(head: RequestHead, limits: ListLimits, decoder: HpackDecoder): void {
    super.begin(head, limits, decoder);
    this.#starts.fill(absent);
  }

  protected override onPseudo(bytes: Buffer, from: number, length: number, kind: number): boolean {
    const place = kind - FieldKind.special;
    if (kind === FieldKind.status || kind === FieldKind.unknownPseudo || this.#starts[place] !== absent) return false;
    this.#starts[place] = this.append(bytes, from, length);
    this.#ends[place] = this.length;
    return true;
  }

  /** As in a request line: method, space, target. */
  protected override beforeRegular(): void {
    const { head } = this;
    head.start = this.#repeat(FieldKind.method);
    head.method = methodAt(head.bytes, head.start, this.length);
    this.append(space, 0, 1);
    this.#setTarget();
  }

  #setTarget(): void {
    const { head } = this;
    head.targetStart = head.pathStart = this.#repeat(FieldKind.path);
    head.targetEnd = head.pathEnd = this.length;
  }

  /** Writes a pseudo-header field's value once more; nothing when it is not there. */
  #repeat(kind: number): number {
    const start = this.#starts[kind - FieldKind.special]!;
    if (start === absent) return this.length;
    return this.append(this.head.bytes, start, this.#ends[kind - FieldKind.special]! - start);
  }

  #has(kind: number): boolean {
    return this.#starts[kind - FieldKind.special] !== absent;
  }

  /**
   * The block is whole; `isWhole` tells that the request ends with it. Refused are heads that are well-formed but not to be
   * served, and malformed ones, for which `fault` says why.
   */
  finish(limits: HeadLimits, isWhole: boolean): HeadVerdict {
    const { head } = this;
    if (this.isTooLarge)
      return head.refuse('head_too_large', `more than ${limits.headBytes} bytes or ${limits.headerCount} fields`);
    const isExtended = this.#has(FieldKind.protocol);
    if (isExtended) this.#askToSwitch();
    this.#joinCookies();
    this.closeLines();
    if (this.fault === '') this.fault = this.#findFault(isExtended);
    if (this.fault !== '') return HeadVerdict.refused;
    if (head.targetEnd - head.targetStart > limits.targetBytes)
      return head.refuse('target_too_long', `more than ${limits.targetBytes} bytes`);
    if (isExtended) this.#becomeGet();
    if (head.readKnownFields() === HeadVerdict.refused) return HeadVerdict.refused;
    head.takesTrailers = head.has(FieldName.te);
    this.#frame(isWhole || head.method === 'CONNECT' || isExtended);
    if (this.fault === '') this.#readAuthority();
    if (this.fault !== '') return HeadVerdict.refused;
    if (!head.readHost() || head.host === '') return head.refuse('bad_request', 'no authority that is a host and port');
    return this.#check();
  }

  /** What makes it malformed (RFC 9113 §8.1.1, §8.3.1), or nothing. */
  #findFault(isExtended: boolean): string {
    const { head } = this;
    if (head.method === '' || head.method.length > mostMethodBytes) return 'no :method';
    if (head.method === 'CONNECT' && !isExtended) {
      if (this.#has(FieldKind.scheme) || this.#has(FieldKind.path)) return 'a CONNECT with :scheme or :path';
      return this.#has(FieldKind.authority) ? '' : 'a CONNECT without :authority';
    }
    if (isExtended && head.method !== 'CONNECT') return ':protocol without CONNECT';
    if (!this.#has(FieldKind.scheme)) return 'no :scheme';
    return this.#findPathFault();
  }

  #findPathFault(): string {
    const { head } = this;
    const { bytes, targetStart, targetEnd } = head;
    const isAsterisk = targetEnd - targetStart === 1 && bytes[targetStart] === ASTERISK && head.method === 'OPTIONS';
    if (targetEnd === targetStart || (bytes[targetStart] !== SLASH && !isAsterisk)) return 'a :path that is none';
    for (let i = targetStart; i < targetEnd; i++) {
      const byte = bytes[i]!;
      if (isTargetByte[byte] === 0 || byte === HASH) return 'a :path with a byte that must not be there';
      if (byte === QUESTION && head.pathEnd === targetEnd) head.pathEnd = i;
    }
    return '';
  }

  /** What is well-formed and yet not served. */
  #check(): HeadVerdict {
    const { head } = this;
    for (let i = 0; i < head.method.length; i++)
      if (isMethodByte[head.method.charCodeAt(i)] === 0)
        return head.refuse('bad_request', 'a method of other than capital letters');
    if (head.method === 'CONNECT') return this.#checkConnect();
    if (!this.#hasKnownScheme()) return head.refuse('bad_request', 'a scheme other than http and https');
    if (head.upgradeField !== -1 && head.valueAt(head.upgradeField) !== 'websocket')
      return head.refuse('not_implemented', 'no :protocol but websocket is known');
    if (head.method === 'TRACE' && head.isChunked) return head.refuse('bad_request', 'a TRACE with a body');
    return HeadVerdict.whole;
  }

  #checkConnect(): HeadVerdict {
    const { head } = this;
    if (!head.takesConnect) return head.refuse('not_implemented', 'CONNECT is not offered here');
    const port = /:([0-9]{1,5})$/.exec(textAt(head.bytes, head.hostStart, head.hostEnd));
    head.connectPort = port === null ? 0 : Number(port[1]);
    return head.connectPort > 0 && head.connectPort <= 65_535
      ? HeadVerdict.whole
      : head.refuse('bad_request', 'a CONNECT to what is no host and port');
  }

  #hasKnownScheme(): boolean {
    const place = FieldKind.scheme - FieldKind.special;
    const scheme = textAt(this.head.bytes, this.#starts[place]!, this.#ends[place]!);
    return scheme === 'http' || scheme === 'https';
  }

  /** How an extended CONNECT would ask for its protocol in HTTP/1.1 (RFC 8441 §5, RFC 6455 §4.1). */
  #askToSwitch(): void {
    const place = FieldKind.protocol - FieldKind.special;
    const protocol = textAt(this.head.bytes, this.#starts[place]!, this.#ends[place]!);
    this.addLine('upgrade', FieldName.upgrade, protocol);
    this.addLine('sec-websocket-key', FieldName.webSocketKey, newKey());
    this.head.connectionUpgrade = true;
  }

  #becomeGet(): void {
    const { head } = this;
    head.method = 'GET';
    head.start = this.appendText('GET ');
    const { pathEnd, targetStart } = head;
    this.#setTarget();
    head.pathEnd = head.targetStart + (pathEnd - targetStart);
  }

  /** Crumbs of a cookie become one field again, as HTTP/1.1 knows only one (RFC 9113 §8.2.3). */
  #joinCookies(): void {
    const { head } = this;
    let crumbs = 0;
    for (let i = 0; i < head.fieldCount; i++) if (head.names[i] === FieldName.cookie) crumbs++;
    if (crumbs < 2) return;
    const isSecret = head.neverIndexed?.some((place) => head.names[place] === FieldName.cookie);
    const values: string[] = [];
    for (let i = 0; i < head.fieldCount; i++) {
      if (head.names[i] !== FieldName.cookie) continue;
      values.push(head.valueAt(i));
      head.names[i] = FieldName.removed;
    }
    if (isSecret) head.keepOutOfTables(head.fieldCount);
    this.addLine('cookie', FieldName.cookie, values.join('; '));
  }

  /** Where the body ends, in the words of HTTP/1.1. */
  #frame(isWhole: boolean): void {
    const { head } = this;
    if (!isWhole) head.isChunked = head.contentLength === noLength;
    else if (head.contentLength > 0) this.fault = 'a Content-Length and no body';
    else if (head.contentLength === noLength && !bodyless.has(head.method)) head.contentLength = 0;
  }

  /** Host may be there beside :authority if it says the same (RFC 9113 §8.3.1). */
  #readAuthority(): void {
    const { head } = this;
    const place = FieldKind.authority - FieldKind.special;
    const field = head.hostField;
    if (!this.#has(FieldKind.authority)) {
      head.hostStart = field === -1 ? 0 : head.offsets[field * 4 + 2]!;
      head.hostEnd = field === -1 ? 0 : head.offsets[field * 4 + 3]!;
      return;
    }
    head.hostStart = this.#starts[place]!;
    head.hostEnd = this.#ends[place]!;
    if (field === -1) return;
    const authority = textAt(head.bytes, head.hostStart, head.hostEnd).toLowerCase();
    if (head.valueAt(field).toLowerCase() !== authority) this.fault = 'a Host that says other than :authority';
    head.names[field] = FieldName.removed;
    head.hostField = -1;
  }
}
