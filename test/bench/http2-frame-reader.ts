const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const headBytes = 9;

/** Is given each frame (RFC 9113 §4.1); its payload stands in `bytes` from `from` to `to`, until the call returns. */
export type TakeFrame = (type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number) => void;

/** Finds the frames in what a client sends, its preface first. */
export class FrameReader {
  readonly #take: TakeFrame;
  #rest: Buffer = Buffer.alloc(0);
  #hasPreface = false;

  constructor(take: TakeFrame) {
    this.#take = take;
  }

  /** False when this is no HTTP/2: nothing more can be read then. */
  read(chunk: Buffer): boolean {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    if (!this.#hasPreface && bytes.length >= preface.length) {
      if (!bytes.subarray(0, preface.length).equals(preface)) return false;
      this.#hasPreface = true;
      at = preface.length;
    }
    while (this.#hasPreface && bytes.length - at >= headBytes) {
      const from = at + headBytes;
      const to = from + bytes.readUIntBE(at, 3);
      if (bytes.length < to) break;
      this.#take(bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5), bytes, from, to);
      at = to;
    }
    this.#rest = bytes.subarray(at);
    return true;
  }
}
