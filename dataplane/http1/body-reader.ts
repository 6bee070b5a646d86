import { CR, HTAB, hexValue, isValueByte, LF, SP } from '../message/grammar.ts';
import { Head, HeadVerdict } from '../message/head.ts';
import { readFields } from './read-fields.ts';

/** Takes the decoded body as ranges of the bytes that were read; they are only good during the call. */
export type BodySink = {
  onBody(bytes: Buffer, from: number, to: number): void;
  /** The body is whole; `trailers` has its trailer section, null when that is empty. */
  onBodyEnd(trailers: Head | null): void;
};

/** How the end of a body is found (RFC 9112 §6.3). */
export const Framing = { none: 0, length: 1, chunked: 2, close: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

const Step = { size: 0, sizeEnd: 1, extension: 2, sizeLf: 3, data: 4, dataCr: 5, dataLf: 6, trailers: 7 } as const;
type Step = (typeof Step)[keyof typeof Step];

const SEMICOLON = 59;
const mostSizeDigits = 16;
const mostChunkBytes = Number.MAX_SAFE_INTEGER; // beyond it a number loses its last bits
const mostExtensionBytes = 1024;
const trailerLimits = { headBytes: 8192, headerCount: 32, targetBytes: 0 };

/** Finds the end of one body at a time and hands on what is inside. Made once per connection. */
export class BodyReader {
  framing: Framing = Framing.none;
  isDone = true;
  /** Bytes of the body (decoded) seen so far. */
  received = 0;
  #left = 0;
  #step: Step = Step.size;
  #digits = 0;
  #extension = 0;
  #trailers: Buffer | null = null;

  begin(framing: Framing, length: number): void {
    this.framing = framing;
    this.received = 0;
    this.#left = framing === Framing.length ? length : 0;
    this.#step = Step.size;
    this.#digits = 0;
    this.#extension = 0;
    this.#trailers = null;
    this.isDone = framing === Framing.none || (framing === Framing.length && length === 0);
  }

  /** Bytes a Content-Length body still lacks; 0 for other framings. */
  get missing(): number {
    return this.framing === Framing.length ? this.#left : 0;
  }

  /**
   * Asked within `onBody`: more of this body is still to be read, before anything else can come. So the bytes are not
   * written over while reading is paused; those of a body's end may be, by the message after it.
   */
  get goesOn(): boolean {
    return this.missing > 0 || this.framing === Framing.close;
  }

  /** Takes bytes in; returns the first offset that is not part of this body, or -1 when the framing is broken. */
  read(bytes: Buffer, from: number, to: number, sink: BodySink): number {
    if (this.isDone) return from;
    switch (this.framing) {
      case Framing.length: {
        const end = Math.min(to, from + this.#left);
        this.#left -= end - from;
        this.received += end - from;
        if (end > from) sink.onBody(bytes, from, end);
        if (this.#left === 0) this.#finish(null, sink);
        return end;
      }
      case Framing.close:
        this.received += to - from;
        if (to > from) sink.onBody(bytes, from, to);
        return to;
      default:
        return this.#readChunks(bytes, from, to, sink);
    }
  }

  /** The connection was closed by the other side: true when that ends the body as it should (RFC 9112 §8). */
  endByClose(sink: BodySink): boolean {
    if (this.framing !== Framing.close || this.isDone) return this.isDone;
    this.#finish(null, sink);
    return true;
  }

  #finish(trailers: Head | null, sink: BodySink): void {
    this.isDone = true;
    sink.onBodyEnd(trailers);
  }

  /** RFC 9112 §7.1; bare LF is refused, extensions are dropped. */
  #readChunks(bytes: Buffer, from: number, to: number, sink: BodySink): number {
    let at = from;
    while (at < to) {
      switch (this.#step) {
        case Step.size: {
          const digit = hexValue[bytes[at]!]!;
          if (digit !== 255) {
            if (++this.#digits > mostSizeDigits) return -1;
            this.#left = this.#left * 16 + digit;
            at++;
            break;
          }
          if (this.#digits === 0 || this.#left > mostChunkBytes) return -1;
          this.#step = Step.sizeEnd;
          break;
        }
        case Step.sizeEnd: {
          const byte = bytes[at++]!;
          if (byte === CR && this.#extension === 0) this.#step = Step.sizeLf;
          else if (++this.#extension > mostExtensionBytes) return -1;
          else if (byte === SEMICOLON) this.#step = Step.extension;
          // White space may only lead to an extension (§7.1.1).
          else if (byte !== SP && byte !== HTAB) return -1;
          break;
        }
        case Step.extension: {
          const byte = bytes[at++]!;
          if (byte === CR) this.#step = Step.sizeLf;
          else if (isValueByte[byte] === 0 || ++this.#extension > mostExtensionBytes) return -1;
          break;
        }
        case Step.sizeLf:
          if (bytes[at++] !== LF) return -1;
          this.#digits = 0;
          this.#extension = 0;
          this.#step = this.#left === 0 ? Step.trailers : Step.data;
          break;
        case Step.data: {
          const end = Math.min(to, at + this.#left);
          this.#left -= end - at;
          this.received += end - at;
          const start = at;
          at = end;
          if (this.#left === 0) this.#step = Step.dataCr;
          sink.onBody(bytes, start, end);
          break;
        }
        case Step.dataCr:
          if (bytes[at++] !== CR) return -1;
          this.#step = Step.dataLf;
          break;
        case Step.dataLf:
          if (bytes[at++] !== LF) return -1;
          this.#step = Step.size;
          break;
        case Step.trailers:
          return this.#readTrailers(bytes, at, to, sink);
      }
    }
    return at;
  }

  #readTrailers(bytes: Buffer, from: number, to: number, sink: BodySink): number {
    if (this.#trailers === null && to - from >= 2 && bytes[from] === CR && bytes[from + 1] === LF) {
      this.#finish(null, sink);
      return from + 2;
    }
    const before = this.#trailers?.length ?? 0;
    const held = this.#trailers ? Buffer.concat([this.#trailers, bytes.subarray(from, to)]) : bytes.subarray(from, to);
    const trailers = new Head();
    trailers.reset(held, 0);
    const verdict = readFields(trailers, 0, held.length, trailerLimits);
    if (verdict === HeadVerdict.refused || (verdict === HeadVerdict.partial && held.length >= trailerLimits.headBytes))
      return -1;
    if (verdict === HeadVerdict.partial) {
      this.#trailers = Buffer.from(held);
      return to;
    }
    if (trailers.end > trailerLimits.headBytes) return -1;
    this.#finish(trailers.fieldCount > 0 ? trailers : null, sink);
    return from + trailers.end - before;
  }
}
