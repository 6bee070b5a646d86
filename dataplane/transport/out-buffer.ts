import type { Transport } from '../../shared/transport/transport.ts';

const usualCapacity = 48 * 1024;
/** Bytes. A piece from this size on is better lent to the kernel, and better not kept for the next message, than copied. */
export const leastDirect = 16_384;
const smallCopy = 32;
const viewCount = 64;
const hexDigits = Buffer.from('0123456789abcdef', 'latin1');

/**
 * Where a worker puts together what one connection is to get, so that it leaves in one write. The memory is used again as
 * soon as the kernel has taken the bytes, as the write tells; otherwise it belongs
 * to that write and the next message gets other memory. Only one message is put together at a time, and it is
 * written before the event is over that brought it: tests check both (`checked-out-buffer.ts`).
 */
export class OutBuffer {
  bytes: Buffer<ArrayBuffer>;
  length = 0;
  readonly #capacity: number;
  readonly #views = new Array<Buffer | undefined>(viewCount).fill(undefined);

  constructor(capacity = usualCapacity) {
    this.#capacity = capacity;
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** The buffer as one connection uses it. The same for all of them, unless somebody checks who does what. */
  of(_owner: object): OutBuffer {
    return this;
  }

  /** Copies a range of other bytes. A loop is quicker than a call for a few of them, and needs no view of the source. */
  copy(source: Buffer, from: number, to: number): void {
    const size = to - from;
    if (this.length + size > this.bytes.length) this.#grow(size);
    const { bytes, length } = this;
    if (size > smallCopy) source.copy(bytes, length, from, to);
    else for (let i = 0; i < size; i++) bytes[length + i] = source[from + i]!;
    this.length = length + size;
  }

  /** Writes text of one byte a character. */
  text(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }

  constant(bytes: Buffer): void {
    this.copy(bytes, 0, bytes.length);
  }

  decimal(value: number): void {
    this.reserve(16);
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      const next = Math.floor(value / 10);
      this.bytes[at] = 48 + (value - next * 10);
      value = next;
    }
    this.length += digits;
  }

  hex(value: number): void {
    this.reserve(16);
    let digits = 1;
    for (let rest = value; rest >= 16; rest = Math.floor(rest / 16)) digits++;
    for (let at = this.length + digits - 1; at >= this.length; at--) {
      this.bytes[at] = hexDigits[value % 16]!;
      value = Math.floor(value / 16);
    }
    this.length += digits;
  }

  /** Forgets what was put together for a connection that is gone. */
  discard(): void {
    this.length = 0;
  }

  /** Writes what is here. */
  flushTo(transport: Transport): void {
    const { length } = this;
    if (length === 0) return;
    this.length = 0;
    // A connection that is behind keeps its bytes for long: give it a copy of its own rather than the whole memory.
    if (transport.unsentBytes > 0) transport.write(Buffer.from(this.bytes.subarray(0, length)));
    else if (!transport.write(this.#view(length))) this.#renew(Buffer.allocUnsafeSlow(this.#capacity));
  }

  /**
   * Passes a range of a body on. A large one that lasts follows what is here without a copy, and must stay until when
   * `Transport.lend` says; any other is copied and leaves with the next write.
   */
  pass(transport: Transport, bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    if (!isLasting || to - from < leastDirect) return this.copy(bytes, from, to);
    this.flushTo(transport);
    transport.lend(bytes.subarray(from, to));
  }

  /** The first bytes of the memory. Messages are alike, so views of it are too: 2 % of a request when made anew. */
  #view(length: number): Buffer {
    const place = length % viewCount;
    const known = this.#views[place];
    if (known !== undefined && known.length === length) return known;
    const view = this.bytes.subarray(0, length);
    this.#views[place] = view;
    return view;
  }

  #renew(bytes: Buffer<ArrayBuffer>): void {
    this.bytes = bytes;
    this.#views.fill(undefined);
  }

  /** Makes room for `size` more bytes; `bytes` may be another buffer afterwards. */
  reserve(size: number): void {
    if (this.length + size > this.bytes.length) this.#grow(size);
  }

  #grow(size: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.length + size));
    larger.set(this.bytes.subarray(0, this.length));
    this.#renew(larger);
  }
}

/** ASCII text as bytes, for `constant`. */
export function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
