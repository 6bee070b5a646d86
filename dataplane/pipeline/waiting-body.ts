/** Small pieces share memory of this size, so that a stream of them takes no more than their bytes. */
const pieceBytes = 4096;

/** Body that was copied and waits to be taken, in the pieces that it came in. */
export class WaitingBody {
  #pieces: Buffer[] = [];
  /** Bytes of the last piece that are in use; those before it are full. */
  #tailBytes = 0;
  bytes = 0;

  add(bytes: Buffer, from: number, to: number): void {
    this.bytes += to - from;
    const tail = this.#pieces.at(-1);
    if (tail !== undefined) {
      const size = Math.min(to - from, tail.length - this.#tailBytes);
      bytes.copy(tail, this.#tailBytes, from, from + size);
      this.#tailBytes += size;
      from += size;
    }
    if (from === to) return;
    const piece = Buffer.allocUnsafeSlow(Math.max(pieceBytes, to - from));
    bytes.copy(piece, 0, from, to);
    this.#tailBytes = to - from;
    this.#pieces.push(piece);
  }

  /** The next piece, whose memory is the taker's; null when nothing waits. */
  take(): Buffer | null {
    const piece = this.#pieces.shift();
    if (piece === undefined) return null;
    const taken = this.#pieces.length === 0 ? piece.subarray(0, this.#tailBytes) : piece;
    this.bytes -= taken.length;
    return taken;
  }

  drop(): void {
    this.#pieces = [];
    this.bytes = 0;
  }
}
