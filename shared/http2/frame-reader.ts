import { Flag, FrameType, frameHeadBytes, H2Code, mostFrameBytes, uint31At } from './frame.ts';

/** Memory for a frame in pieces that is kept for the next one. */
const mostKeptBytes = 1024;

/** Takes frames in the order in which they came. Bytes are only good during the call. */
export type FrameSink = {
  /** A frame other than DATA, whole. Returns false when nothing more is to be read. */
  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean;
  /** The head of a DATA frame with so many `bytes`; `size` is what it counts for flow control, padding included. False as above. */
  onDataFrame(flags: number, stream: number, size: number, bytes: number): boolean;
  /** A part of that frame's data, as it came. False as above. */
  onData(bytes: Buffer, from: number, to: number): boolean;
  /** That frame is whole. False as above. */
  onDataEnd(flags: number): boolean;
};

/**
 * Cuts what comes in into frames (RFC 9113 §4.1). A frame that is whole within one read is handed on where it lies; one
 * that is not waits until it is, but for DATA, which is handed on in pieces, so that no connection holds more than one
 * frame of 16 KiB.
 */
export class FrameReader {
  #held: Buffer | null = null;
  #heldBytes = 0;
  #dataLeft = 0;
  #paddingLeft = 0;
  #dataFlags = 0;
  #isInData = false;

  /** Returns what is wrong with the framing, or noError. */
  read(bytes: Buffer, to: number, sink: FrameSink): H2Code {
    let at = 0;
    while (at < to) {
      if (this.#isInData) {
        at = this.#readData(bytes, at, to, sink);
        if (at === -1) return H2Code.noError;
        continue;
      }
      if (this.#heldBytes > 0) {
        at = this.#complete(bytes, at, to);
        const held = this.#held!;
        const wanted = wantedBytes(held, 0, this.#heldBytes);
        if (wanted === -1) return H2Code.frameSizeError;
        if (this.#heldBytes < wanted) continue;
        this.#heldBytes = 0;
        if (held.length > mostKeptBytes) this.#held = null;
        const next = this.#readFrame(held, 0, wanted, sink);
        if (next < 0) return next === -1 ? H2Code.noError : H2Code.protocolError;
        continue;
      }
      const wanted = wantedBytes(bytes, at, to);
      if (wanted === -1) return H2Code.frameSizeError;
      if (to - at < wanted) {
        this.#hold(bytes, at, to);
        return H2Code.noError;
      }
      at = this.#readFrame(bytes, at, at + wanted, sink);
      if (at < 0) return at === -1 ? H2Code.noError : H2Code.protocolError;
    }
    return H2Code.noError;
  }

  /** A frame has begun and is not whole. */
  get isWithinFrame(): boolean {
    return this.#heldBytes > 0 || this.#isInData;
  }

  /** Takes one frame; returns where the next begins, -1 when the sink wants no more, -2 when its padding is too long. */
  #readFrame(bytes: Buffer, at: number, end: number, sink: FrameSink): number {
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const stream = uint31At(bytes, at + 5);
    const from = at + frameHeadBytes;
    if (type !== FrameType.data) {
      const to = from + sizeAt(bytes, at);
      return sink.onFrame(type, flags, stream, bytes, from, to) ? to : -1;
    }
    const size = sizeAt(bytes, at);
    const isPadded = (flags & Flag.padded) !== 0;
    const padding = isPadded && size > 0 ? bytes[from]! : 0;
    const left = size - padding - (isPadded ? 1 : 0);
    if (left < 0) return -2;
    this.#isInData = true;
    this.#dataFlags = flags;
    this.#dataLeft = left;
    this.#paddingLeft = padding;
    if (!sink.onDataFrame(flags, stream, size, left)) return -1;
    return left + padding > 0 || this.#endData(sink) ? end : -1;
  }

  #readData(bytes: Buffer, at: number, to: number, sink: FrameSink): number {
    if (this.#dataLeft > 0) {
      const end = Math.min(to, at + this.#dataLeft);
      this.#dataLeft -= end - at;
      if (!sink.onData(bytes, at, end)) return -1;
      at = end;
    }
    if (this.#dataLeft > 0) return at;
    const skipped = Math.min(to - at, this.#paddingLeft);
    this.#paddingLeft -= skipped;
    if (this.#paddingLeft === 0 && !this.#endData(sink)) return -1;
    return at + skipped;
  }

  #endData(sink: FrameSink): boolean {
    this.#isInData = false;
    return sink.onDataEnd(this.#dataFlags);
  }

  #hold(bytes: Buffer, from: number, to: number): void {
    this.#held ??= Buffer.allocUnsafeSlow(512);
    this.#heldBytes = 0;
    this.#append(bytes, from, to);
  }

  /** Adds to the frame that waits what it lacks, of what there is; returns where that ends. */
  #complete(bytes: Buffer, at: number, to: number): number {
    while (at < to) {
      const wanted = wantedBytes(this.#held!, 0, this.#heldBytes); // grows once the frame's head is here
      if (wanted <= this.#heldBytes) break;
      const end = Math.min(to, at + wanted - this.#heldBytes);
      this.#append(bytes, at, end);
      at = end;
    }
    return at;
  }

  #append(bytes: Buffer, from: number, to: number): void {
    const size = this.#heldBytes + to - from;
    if (size > this.#held!.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(2 ** Math.ceil(Math.log2(size)), frameHeadBytes + mostFrameBytes));
      this.#held!.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    bytes.copy(this.#held!, this.#heldBytes, from, to);
    this.#heldBytes = size;
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** Bytes that have to be there before a frame can be handed on; -1 when it is larger than any may be. */
function wantedBytes(bytes: Buffer, at: number, to: number): number {
  if (to - at < frameHeadBytes) return frameHeadBytes;
  const size = sizeAt(bytes, at);
  if (size > mostFrameBytes) return -1;
  if (bytes[at + 3] !== FrameType.data) return frameHeadBytes + size;
  return frameHeadBytes + ((bytes[at + 4]! & Flag.padded) !== 0 && size > 0 ? 1 : 0);
}
