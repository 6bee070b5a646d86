import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { FieldName } from './field-name.ts';
import { textAt, tokenLower } from './grammar.ts';

/**
 * Heads are read in one pass and stay where they arrived: a field is four offsets into the bytes and the number of its
 * name, so that forwarding copies ranges and matching makes strings only of what a rule asks for.
 */

/** Outcome of reading a head: it is whole, needs more bytes, or is refused. */
export const HeadVerdict = { whole: 0, partial: 1, refused: 2 } as const;
export type HeadVerdict = (typeof HeadVerdict)[keyof typeof HeadVerdict];

export type HeadLimits = { readonly headBytes: number; readonly headerCount: number; readonly targetBytes: number };

/** No Content-Length was given. */
export const noLength = -1;

const initialFields = 24;
/** Each field is compared with each option, so there must not be many of both. */
const mostConnectionOptions = 16;

let lastSharedId = 0;

/** What request and reply heads have in common. Reused for every message of a connection. */
export class Head {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  /** First byte after the empty line. */
  end = 0;
  /** First byte of the first field line. */
  fieldsStart = 0;
  minorVersion = 1;
  /** It came over HTTP/2, and stands here as HTTP/1.1 would have written it. */
  isHttp2 = false;

  fieldCount = 0;
  /** Per field: start and end of its name, start and end of its value. */
  offsets = new Int32Array(initialFields * 4);
  names = new Uint8Array(initialFields);

  contentLength = noLength;
  isChunked = false;
  /** Options of the Connection field (RFC 9110 §7.6.1). */
  connectionClose = false;
  connectionKeepAlive = false;
  connectionUpgrade = false;
  /** Connection names fields beyond close, keep-alive and upgrade. */
  connectionNamesFields = false;
  connectionOptions = 0;
  upgradeField = -1;
  /** Places of fields that no table may take in, on no hop (RFC 7541 §7.1.3); null when there is none. */
  neverIndexed: number[] | null = null;
  /** Not 0 for a head that many messages share, and that nobody changes any more; each has another number. */
  sharedId = 0;
  /** Why the head was refused. */
  refusal: ErrorCode = 'bad_request';
  refusalDetail = '';

  reset(bytes: Buffer, start: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = start;
    this.isHttp2 = false;
    this.fieldCount = 0;
    this.contentLength = noLength;
    this.isChunked = false;
    this.connectionClose = false;
    this.connectionKeepAlive = false;
    this.connectionUpgrade = false;
    this.connectionNamesFields = false;
    this.connectionOptions = 0;
    this.upgradeField = -1;
    this.neverIndexed = null;
    this.sharedId = 0;
  }

  /** Becomes a copy of another head, in memory of its own with room for `spareBytes` more. */
  copyFrom(head: Head, spareBytes = 0): void {
    const wanted = head.end + spareBytes;
    this.reset(this.bytes.length < wanted ? Buffer.allocUnsafeSlow(wanted) : this.bytes, head.start);
    head.bytes.copy(this.bytes, 0, 0, head.end);
    this.end = head.end;
    this.fieldsStart = head.fieldsStart;
    this.minorVersion = head.minorVersion;
    this.isHttp2 = head.isHttp2;
    while (this.names.length < head.fieldCount) this.#grow();
    for (let i = 0; i < head.fieldCount; i++) this.names[i] = head.names[i]!;
    for (let i = 0; i < head.fieldCount * 4; i++) this.offsets[i] = head.offsets[i]!;
    this.fieldCount = head.fieldCount;
    this.contentLength = head.contentLength;
    this.isChunked = head.isChunked;
    this.connectionClose = head.connectionClose;
    this.connectionKeepAlive = head.connectionKeepAlive;
    this.connectionUpgrade = head.connectionUpgrade;
    this.connectionNamesFields = head.connectionNamesFields;
    this.connectionOptions = head.connectionOptions;
    this.upgradeField = head.upgradeField;
    this.neverIndexed = head.neverIndexed;
  }

  /** The field at this place is to enter no table on any hop. */
  keepOutOfTables(field: number): void {
    this.neverIndexed ??= [];
    this.neverIndexed.push(field);
  }

  /** From now on nothing of it changes. */
  share(): void {
    this.sharedId = ++lastSharedId;
  }

  refuse(code: ErrorCode, detail: string): HeadVerdict {
    this.refusal = code;
    this.refusalDetail = detail;
    return HeadVerdict.refused;
  }

  /** Text of a field's value by its place. */
  valueAt(field: number): string {
    return textAt(this.bytes, this.offsets[field * 4 + 2]!, this.offsets[field * 4 + 3]!);
  }

  /**
   * Value of a field by its lower-case name, its lines joined by ", " (RFC 9110 §5.3) or, for Cookie, by "; " (RFC 9113
   * §8.2.3); null when none is there or let in.
   */
  header(name: string): string | null {
    let value: string | null = null;
    for (let i = 0; i < this.fieldCount; i++) {
      if (!this.#isAt(i, name)) continue;
      value = value === null ? this.valueAt(i) : `${value}${name === 'cookie' ? ';' : ','} ${this.valueAt(i)}`;
    }
    return value;
  }

  /** Place of the first field of this lower-case name that is let in; -1 when there is none. */
  placeOf(name: string): number {
    for (let i = 0; i < this.fieldCount; i++) if (this.#isAt(i, name)) return i;
    return -1;
  }

  /** Place of the first field of a name that has a number; -1 when there is none. */
  firstOf(name: FieldName): number {
    for (let i = 0; i < this.fieldCount; i++) if (this.names[i] === name) return i;
    return -1;
  }

  /** Tells whether a field of this name is there. */
  has(name: FieldName): boolean {
    return this.firstOf(name) !== -1;
  }

  #isAt(field: number, name: string): boolean {
    const from = this.offsets[field * 4]!;
    if (this.offsets[field * 4 + 1]! - from !== name.length || this.names[field] === FieldName.removed) return false;
    for (let i = 0; i < name.length; i++) if (tokenLower[this.bytes[from + i]!] !== name.charCodeAt(i)) return false;
    return true;
  }

  addField(name: FieldName, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const field = this.fieldCount++;
    if (field === this.names.length) this.#grow();
    this.names[field] = name;
    const at = field * 4;
    this.offsets[at] = nameStart;
    this.offsets[at + 1] = nameEnd;
    this.offsets[at + 2] = valueStart;
    this.offsets[at + 3] = valueEnd;
  }

  #grow(): void {
    const names = new Uint8Array(this.names.length * 2);
    const offsets = new Int32Array(this.offsets.length * 2);
    names.set(this.names);
    offsets.set(this.offsets);
    this.names = names;
    this.offsets = offsets;
  }
}

const digit0 = 48;
const digit9 = 57;

/**
 * Takes in a field that says where the body ends or what becomes of the connection; returns what is wrong with it, or
 * null. Called for each field in turn.
 */
export function readFramingField(head: Head, field: number): string | null {
  switch (head.names[field]) {
    case FieldName.contentLength:
      return readContentLength(head, field) ? null : 'a Content-Length that is not one number';
    case FieldName.transferEncoding:
      if (head.isChunked || head.valueAt(field).toLowerCase() !== 'chunked')
        return 'a Transfer-Encoding other than chunked';
      head.isChunked = true;
      return null;
    case FieldName.connection:
      return readConnection(head, field) ? null : `more than ${mostConnectionOptions} options in Connection`;
    case FieldName.upgrade:
      head.upgradeField = field;
      return null;
    default:
      return null;
  }
}

/** What is wrong with the framing as a whole (RFC 9112 §6.1, §6.3), or null. */
export function framingFault(head: Head): string | null {
  if (!head.isChunked) return null;
  if (head.contentLength !== noLength) return 'both Content-Length and Transfer-Encoding';
  return head.minorVersion === 0 ? 'Transfer-Encoding in HTTP/1.0' : null;
}

/** Takes in a Content-Length line: digits only, and the same as any line before it (RFC 9112 §6.3). */
function readContentLength(head: Head, field: number): boolean {
  const from = head.offsets[field * 4 + 2]!;
  const to = head.offsets[field * 4 + 3]!;
  if (from === to || to - from > 15 || head.contentLength !== noLength) return false;
  let length = 0;
  for (let i = from; i < to; i++) {
    const byte = head.bytes[i]!;
    if (byte < digit0 || byte > digit9) return false;
    length = length * 10 + (byte - digit0);
  }
  head.contentLength = length;
  return true;
}

/** Takes in a Connection line: a list of options, some known, the rest names of fields to drop. */
function readConnection(head: Head, field: number): boolean {
  const value = head.valueAt(field);
  if (value === 'keep-alive' || value === 'Keep-Alive') {
    head.connectionKeepAlive = true;
    return true;
  }
  for (const part of value.split(',')) {
    const option = part.trim().toLowerCase();
    if (option === 'close') head.connectionClose = true;
    else if (option === 'keep-alive') head.connectionKeepAlive = true;
    else if (option === 'upgrade') head.connectionUpgrade = true;
    else if (option !== '') head.connectionNamesFields = true;
    if (++head.connectionOptions > mostConnectionOptions) return false;
  }
  return true;
}

/** Tells whether the Connection field lists the field at a place, so that it must not travel on. */
export function isListedByConnection(head: Head, field: number): boolean {
  const name = nameAt(head, field);
  for (let i = 0; i < head.fieldCount; i++)
    if (head.names[i] === FieldName.connection && hasOption(head.valueAt(i), name)) return true;
  return false;
}

/** Takes the fields that Connection listed in the head out of the trailer section (RFC 9110 §7.6.1). */
export function dropListed(trailers: Head, connection: string): void {
  const { names, offsets, fieldCount } = trailers;
  let kept = 0;
  for (let i = 0; i < fieldCount; i++) {
    if (hasOption(connection, nameAt(trailers, i))) continue;
    names[kept] = names[i]!;
    offsets.copyWithin(kept * 4, i * 4, i * 4 + 4);
    kept++;
  }
  trailers.fieldCount = kept;
}

function nameAt(head: Head, field: number): string {
  return textAt(head.bytes, head.offsets[field * 4]!, head.offsets[field * 4 + 1]!).toLowerCase();
}

function hasOption(value: string, name: string): boolean {
  for (const part of value.split(',')) if (part.trim().toLowerCase() === name) return true;
  return false;
}

/** Whether a server may switch to what it chose: only to protocols that it was offered (RFC 9110 §7.8). */
export function isOffered(offered: string, chosen: string): boolean {
  for (const part of chosen.split(',')) if (!hasOption(offered, part.trim().toLowerCase())) return false;
  return chosen !== '';
}
