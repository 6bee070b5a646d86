import type { Head } from '../message/head.ts';

const nothing: Buffer[] = [];
/** What is left of a body that ends where its stream does. */
export const unknownLength = Number.POSITIVE_INFINITY;
/** Small pieces share memory of this size, so that a stream of them takes no more than their bytes. */
const pieceBytes = 4096;

/**
 * One stream as framing and flow control see it (RFC 9113 §5). What it carries is the business of the class that stands on
 * it. Used again for later streams of its connection, so `open` sets every field.
 */
export abstract class Stream {
  id = 0;
  /** Bytes that the peer still takes of this stream. */
  sendWindow = 0;
  /** Bytes that the peer may still send. */
  receiveWindow = 0;
  /** Bytes that the body still has by its Content-Length. */
  bodyLeft = unknownLength;
  /** Bytes dealt with that the peer has not got back for its window yet. */
  unreturned = 0;
  /** Bytes that it does not get back for now, because whoever takes them is behind. */
  withheld = 0;
  isReadPaused = false;
  hasReceivedEnd = false;
  /** END_STREAM is written. */
  hasSentEnd = false;
  /** What waits for a window or the socket; of the first piece, the bytes from `#queuedFrom` on. */
  #queue: Buffer[] = nothing;
  #queuedFrom = 0;
  /** Bytes of the last piece that are in use; those before it are full. */
  #tailBytes = 0;
  queuedBytes = 0;
  /** Who sends on it was told to wait. */
  isHeldUp = false;
  /** The end waits, too, behind them. */
  isEndQueued = false;
  queuedTrailers: Head | null = null;
  isInLine = false;
  /** When something was last sent or queued, in monotonic ms. */
  movedMs = 0;

  protected open(id: number, sendWindow: number, receiveWindow: number): void {
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.bodyLeft = unknownLength;
    this.unreturned = this.withheld = 0;
    this.isReadPaused = this.hasReceivedEnd = this.hasSentEnd = false;
    this.dropQueue();
  }

  /** The body has ended before its Content-Length (RFC 9113 §8.1.1). */
  get lacksBody(): boolean {
    return this.bodyLeft !== unknownLength && this.bodyLeft > 0;
  }

  get hasQueued(): boolean {
    return this.queuedBytes > 0 || this.isEndQueued;
  }

  dropQueue(): void {
    this.#queue = nothing;
    this.#queuedFrom = this.#tailBytes = this.queuedBytes = 0;
    this.isHeldUp = false;
    this.isEndQueued = false;
    this.queuedTrailers = null;
  }

  /** Keeps a copy of what cannot be sent now. */
  enqueue(bytes: Buffer, from: number, to: number): void {
    this.queuedBytes += to - from;
    const tail = this.#queue.at(-1);
    if (tail !== undefined) {
      const size = Math.min(to - from, tail.length - this.#tailBytes);
      bytes.copy(tail, this.#tailBytes, from, from + size);
      this.#tailBytes += size;
      from += size;
    } else this.#queue = [];
    if (from === to) return;
    const piece = Buffer.allocUnsafeSlow(Math.max(pieceBytes, to - from));
    bytes.copy(piece, 0, from, to);
    this.#tailBytes = to - from;
    this.#queue.push(piece);
  }

  /** The piece that is sent next, and where in it; good until `takeQueued`. */
  get queuedPiece(): Buffer {
    return this.#queue[0]!;
  }

  get queuedFrom(): number {
    return this.#queuedFrom;
  }

  get queuedTo(): number {
    return this.#queue.length === 1 ? this.#tailBytes : this.#queue[0]!.length;
  }

  /** So many bytes of that piece have been sent. */
  takeQueued(size: number): void {
    this.queuedBytes -= size;
    this.#queuedFrom += size;
    if (this.#queuedFrom < this.queuedTo) return;
    this.#queue.shift();
    this.#queuedFrom = 0;
  }

  /** Less is queued than what would make it wait, after more was. */
  abstract onUnblocked(): void;
  /** END_STREAM has been written that had to wait. */
  abstract onEndSent(): void;
}
