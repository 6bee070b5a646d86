const prefixBytes = 5;
const firstBytes = 1_024;

/**
 * Cuts the data of one call into messages. What is whole within one piece is handed on where it lies; the memory for a
 * longer one grows with what has come, not with what was announced.
 */
export class MessageReader {
  readonly #mostBytes: number;
  /** Prefix and message, as far as they are here. */
  #held: Buffer | null = null;
  #heldBytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Hands on each message that is whole, good only during the call; returns what is wrong, null when nothing is. */
  read(bytes: Buffer, from: number, to: number, take: (message: Buffer) => void): 'too large' | 'compressed' | null {
    let at = from;
    while (at < to) {
      if (this.#heldBytes > 0 || to - at < prefixBytes) {
        at = this.#hold(bytes, at, to);
        if (this.#heldBytes < prefixBytes) return null;
        const held = this.#held!;
        const fault = this.#faultOf(held, 0);
        if (fault) return fault;
        const end = prefixBytes + held.readUInt32BE(1);
        if (this.#heldBytes < end) continue;
        this.#held = null;
        this.#heldBytes = 0;
        take(held.subarray(prefixBytes, end));
        continue;
      }
      const fault = this.#faultOf(bytes, at);
      if (fault) return fault;
      const end = at + prefixBytes + bytes.readUInt32BE(at + 1);
      if (end > to) {
        at = this.#hold(bytes, at, to);
        continue;
      }
      take(bytes.subarray(at + prefixBytes, end));
      at = end;
    }
    return null;
  }

  /** A message has begun and is not whole. */
  get isWithinMessage(): boolean {
    return this.#heldBytes > 0;
  }

  #faultOf(bytes: Buffer, at: number): 'too large' | 'compressed' | null {
    if (bytes[at] !== 0) return 'compressed';
    return bytes.readUInt32BE(at + 1) > this.#mostBytes ? 'too large' : null;
  }

  /** Keeps what the message that waits lacks, of what there is; returns where that ends. */
  #hold(bytes: Buffer, from: number, to: number): number {
    const wanted = this.#heldBytes < prefixBytes ? prefixBytes : prefixBytes + this.#held!.readUInt32BE(1);
    const end = Math.min(to, from + wanted - this.#heldBytes);
    const size = this.#heldBytes + end - from;
    if (this.#held === null || size > this.#held.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(size, firstBytes, 2 * (this.#held?.length ?? 0)));
      this.#held?.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#heldBytes, from, end);
    this.#heldBytes = size;
    return end;
  }
}
