import { type Frame, headSize } from './frame.ts';

/** Cuts a stream of bytes into frames, however it was cut before. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Takes bytes and gives the frames that are whole now. */
  read(bytes: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Frame[] = [];
    for (;;) {
      if (this.#rest.length < headSize) return frames;
      const end = headSize + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return frames;
      frames.push({
        type: this.#rest[3]!,
        flags: this.#rest[4]!,
        stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload: this.#rest.subarray(headSize, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
  }
}
