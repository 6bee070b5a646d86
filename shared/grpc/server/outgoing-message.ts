import { FrameType, mostFrameBytes } from '../../http2/frame.ts';
import { frameHead } from '../frame-bytes.ts';

const prefixBytes = 5;

/**
 * A message on its way to any number of calls: put together once, and written from the same memory to each. Its parts may
 * be shared with other messages, so nobody may change them.
 */
export class OutgoingMessage {
  /** The prefix that gRPC puts before each message, then what it is made of. */
  readonly parts: readonly Buffer[];
  /** Bytes of all parts. */
  readonly size: number;
  #frame: Buffer | null = null;
  #frameStream = 0;

  constructor(parts: readonly Buffer[]) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const prefix = Buffer.alloc(prefixBytes);
    prefix.writeUInt32BE(length, 1);
    this.parts = [prefix, ...parts];
    this.size = prefixBytes + length;
  }

  /**
   * The message as one DATA frame; null when it is too large for one. Kept for the next call: most clients have just one
   * stream on a connection, with the same number.
   */
  frameFor(stream: number): Buffer | null {
    if (this.size > mostFrameBytes) return null;
    if (this.#frame === null || this.#frameStream !== stream) {
      this.#frame = Buffer.concat([frameHead(FrameType.data, 0, stream, this.size), ...this.parts]);
      this.#frameStream = stream;
    }
    return this.#frame;
  }
}
