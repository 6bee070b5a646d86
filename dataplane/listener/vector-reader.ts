const nothing = Buffer.alloc(0);

/**
 * Reads numbers and vectors of TLS's presentation language (RFC 8446 §3) one after the other. What would go beyond the end reads
 * as 0 or as nothing, and everything after it, too: whoever reads asks once at the end whether it was all there.
 */
export class VectorReader {
  readonly #bytes: Buffer;
  #at = 0;
  /** Something read was not there. */
  isBroken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** All that was read was there, and nothing is left. */
  get isWhole(): boolean {
    return this.isAtEnd && !this.isBroken;
  }

  skip(size: number): void {
    this.#take(size);
  }

  /** A number of one or two bytes. */
  number(size: 1 | 2): number {
    const at = this.#take(size);
    return at === -1 ? 0 : this.#bytes.readUIntBE(at, size);
  }

  /** The bytes behind a length of one or two bytes. */
  vector(lengthSize: 1 | 2): Buffer {
    const length = this.number(lengthSize);
    const at = this.#take(length);
    return at === -1 ? nothing : this.#bytes.subarray(at, at + length);
  }

  /** Where the next bytes begin; -1 when there are not so many, and then none are left. */
  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) {
      this.isBroken = true;
      this.#at = this.#bytes.length;
      return -1;
    }
    this.#at += size;
    return at;
  }
}
