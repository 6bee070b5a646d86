/** A block in more frames than any honest sender needs is an attack on whoever puts it together. */
const mostFrames = 64;
const none = Buffer.alloc(0);

/** A header block that comes in several frames (RFC 9113 §4.3). */
export class HeaderBlock {
  isOpen = false;
  stream = 0;
  isEnd = false;
  #bytes = none;
  #length = 0;
  #frames = 0;
  readonly #mostBytes: number;

  /** `mostBytes` is what a head may have when it is decoded: its block never has more, but for those refused anyway. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Begins with the fragment of HEADERS; false when that is too large. */
  open(stream: number, isEnd: boolean, bytes: Buffer, from: number, to: number): boolean {
    this.isOpen = true;
    this.stream = stream;
    this.isEnd = isEnd;
    this.#length = 0;
    this.#frames = 0;
    return this.add(bytes, from, to);
  }

  /** Adds the fragment of a CONTINUATION; false when it is one too many. */
  add(bytes: Buffer, from: number, to: number): boolean {
    const length = this.#length + to - from;
    if (length > this.#mostBytes || ++this.#frames > mostFrames) return false;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.#length, from, to);
    this.#length = length;
    return true;
  }

  /** The block, whose memory is let go of. */
  close(): Buffer {
    const whole = this.#bytes.subarray(0, this.#length);
    this.#bytes = none;
    this.isOpen = false;
    return whole;
  }
}
