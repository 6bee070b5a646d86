import type { HpackDecoder } from '../../shared/http2/hpack/decoder.ts';
import type { FieldSink } from '../../shared/http2/hpack/field-sink.ts';
import type { FieldName } from '../message/field-name.ts';
import type { Head } from '../message/head.ts';
import { FieldKind } from './field-kind.ts';

/** What a field counts beyond its bytes (RFC 9113 §6.5.2), so that many empty ones are no way around the bound. */
const fieldOverhead = 32;
const usualBytes = 512;

export type ListLimits = { readonly headBytes: number; readonly headerCount: number };

/**
 * Puts the fields of a header block together as the lines of text that heads are made of, so that everything behind the
 * codec sees the same head whatever it came in. What is over a bound is decoded, since the table has to stay in step with
 * the sender's, but not kept.
 */
export abstract class HeadAssembler<H extends Head> implements FieldSink {
  /** What makes the head malformed (RFC 9113 §8.1.1); empty when nothing does. */
  fault = '';
  isTooLarge = false;
  protected length = 0;
  protected hasRegular = false;
  #head: H | null = null;
  #decoder: HpackDecoder | null = null;
  #mostBytes = 0;
  #mostFields = 0;
  #listBytes = 0;
  #fields = 0;

  /** Begins a head, in memory that `head` keeps. `decoder` is the one that will call `onField`. */
  begin(head: H, limits: ListLimits, decoder: HpackDecoder): void {
    this.fault = '';
    this.isTooLarge = false;
    this.length = 0;
    this.hasRegular = false;
    this.#head = head;
    this.#decoder = decoder;
    this.#mostBytes = limits.headBytes;
    this.#mostFields = limits.headerCount;
    this.#listBytes = 0;
    this.#fields = 0;
    head.reset(head.bytes.length === 0 ? Buffer.allocUnsafeSlow(usualBytes) : head.bytes, 0);
    head.minorVersion = 1;
    head.isHttp2 = true;
  }

  protected get head(): H {
    return this.#head!;
  }

  onField(line: Buffer, at: number, nameLength: number, valueLength: number, kind: number): void {
    this.#listBytes += nameLength + valueLength + fieldOverhead;
    if (this.#listBytes > this.#mostBytes || ++this.#fields > this.#mostFields) this.isTooLarge = true;
    if (this.isTooLarge) return;
    if (kind >= FieldKind.special) return this.#onSpecial(line, at + nameLength + 2, valueLength, kind);
    if (!this.hasRegular) this.#beginRegular();
    const start = this.append(line, at, nameLength + valueLength + 4);
    const valueStart = start + nameLength + 2;
    if (this.#decoder!.isNeverIndexed) this.head.keepOutOfTables(this.head.fieldCount);
    this.head.addField(kind as FieldName, start, start + nameLength, valueStart, valueStart + valueLength);
  }

  #onSpecial(line: Buffer, valueAt: number, valueLength: number, kind: number): void {
    if (kind === FieldKind.malformed) this.fault = 'a field with a byte that must not be there';
    else if (kind === FieldKind.forbidden) this.fault = 'a field that belongs to one connection';
    else if (this.hasRegular) this.fault = 'a pseudo-header field behind regular ones';
    else if (!this.onPseudo(line, valueAt, valueLength, kind))
      this.fault = 'a pseudo-header field that must not be there';
  }

  #beginRegular(): void {
    this.hasRegular = true;
    this.beforeRegular();
    this.head.fieldsStart = this.length;
  }

  /** Takes a pseudo-header field; false when it must not be there. */
  protected abstract onPseudo(bytes: Buffer, from: number, length: number, kind: number): boolean;

  /** All pseudo-header fields are here: what has to stand before the field lines is written now. */
  protected abstract beforeRegular(): void;

  /** Adds a field of ours behind those of the sender. */
  protected addLine(name: string, number: FieldName, value: string): void {
    if (!this.hasRegular) this.#beginRegular();
    const start = this.appendText(`${name}: ${value}\r\n`);
    const valueStart = start + name.length + 2;
    this.head.addField(number, start, start + name.length, valueStart, valueStart + value.length);
  }

  /** Ends the lines as a head of text ends. */
  protected closeLines(): void {
    if (!this.hasRegular) this.#beginRegular();
    this.head.end = this.length + 2;
  }

  /** Copies bytes behind the others; returns where they begin. */
  protected append(source: Buffer, from: number, size: number): number {
    const start = this.length;
    const bytes = this.#room(size);
    if (size > 32) source.copy(bytes, start, from, from + size);
    else for (let i = 0; i < size; i++) bytes[start + i] = source[from + i]!;
    this.length = start + size;
    return start;
  }

  protected appendText(text: string): number {
    const start = this.length;
    this.#room(text.length).write(text, start, 'latin1');
    this.length = start + text.length;
    return start;
  }

  #room(size: number): Buffer {
    const { bytes } = this.head;
    if (this.length + size + 2 <= bytes.length) return bytes;
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes.length * 2, this.length + size + 2));
    bytes.copy(larger, 0, 0, this.length);
    this.head.bytes = larger;
    return larger;
  }
}
