import {
  defaultWindow,
  Flag,
  FrameType,
  frameHeadBytes,
  type H2Code,
  mostFrameBytes,
} from '../../shared/http2/frame.ts';
import type { HpackEncoder } from '../../shared/http2/hpack/encoder.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import type { Head } from '../message/head.ts';
import { keepHead } from '../message/keep-head.ts';
import type { OutBuffer } from '../transport/out-buffer.ts';
import type { Flushable, WriteBatch } from '../transport/write-batch.ts';
import { EncodedHeads } from './encoded-heads.ts';
import { encodeTrailers } from './field-encoder.ts';
import type { Stream } from './stream.ts';

/** From this size on what is put together leaves before the turn is over. */
const flushAtBytes = 32_768;
/** So many streams may have a full buffer's worth waiting. */
const crowd = 16;

/**
 * What one connection sends. Frames of a turn of the event loop leave in one write; DATA waits, stream by stream, while a
 * window or the socket is full, and goes on in turns of one frame.
 */
export class FrameWriter implements Flushable {
  readonly encoder: HpackEncoder;
  /** Bytes of DATA that the peer still takes over all streams. */
  sendWindow = defaultWindow;
  /** Frames of DATA that were sent. */
  dataFrames = 0;
  /** Trailer sections that come again and again. */
  readonly #encoded = new EncodedHeads();
  readonly #transport: Transport;
  readonly #batch: WriteBatch;
  readonly #bufferBytes: number;
  readonly #now: () => number;
  #out: OutBuffer | null = null;
  /** Where the frame begins that is or was last written to `#out`; -1 when it cannot be changed any more. */
  #lastAt = -1;
  #lastStream = 0;
  /** Streams that have something queued and a window for it, in turn. */
  readonly #line: Stream[] = [];
  /** What waits, over all streams. */
  #queuedBytes = 0;
  #isClosed = false;

  constructor(
    transport: Transport,
    batch: WriteBatch,
    encoder: HpackEncoder,
    { bufferBytes, now }: { bufferBytes: number; now: () => number },
  ) {
    this.#transport = transport;
    this.#batch = batch;
    this.encoder = encoder;
    this.#bufferBytes = bufferBytes;
    this.#now = now;
  }

  /** Forgets what has not left; nothing is written any more. */
  close(): void {
    this.#isClosed = true;
    this.#line.length = 0;
  }

  // --- frames -------------------------------------------------------------------------------------------------------

  /** Begins a frame, whose payload is to be written to what is returned; `#closeFrame` ends it. */
  #openFrame(type: FrameType, flags: number, stream: number): OutBuffer {
    let out = this.#out;
    if (out === null) {
      out = this.#out = this.#batch.takeBuffer();
      this.#batch.add(this);
    } else if (out.length >= flushAtBytes) this.#flushOut(out);
    out.reserve(frameHeadBytes);
    const { bytes, length } = out;
    bytes[length + 3] = type;
    bytes[length + 4] = flags;
    putUint32(bytes, length + 5, stream);
    this.#lastAt = length;
    this.#lastStream = stream;
    out.length = length + frameHeadBytes;
    return out;
  }

  #closeFrame(out: OutBuffer): void {
    putUint24(out.bytes, this.#lastAt, out.length - this.#lastAt - frameHeadBytes);
  }

  /** Begins HEADERS, whose block is to be encoded into what is returned; `closeHeaders` ends them. */
  openHeaders(stream: Stream, isEnd: boolean): OutBuffer {
    stream.hasSentEnd = isEnd;
    const out = this.#openFrame(FrameType.headers, Flag.endHeaders | (isEnd ? Flag.endStream : 0), stream.id);
    this.encoder.begin(out);
    return out;
  }

  closeHeaders(out: OutBuffer): void {
    if (out.length - this.#lastAt - frameHeadBytes > mostFrameBytes) this.#splitBlock(out);
    else this.#closeFrame(out);
  }

  /** A block that is too large for one frame goes on in CONTINUATION (RFC 9113 §6.10). */
  #splitBlock(out: OutBuffer): void {
    const start = this.#lastAt;
    const stream = this.#lastStream;
    const block = Buffer.from(out.bytes.subarray(start + frameHeadBytes, out.length));
    out.length = start + frameHeadBytes;
    out.bytes[start + 4]! &= ~Flag.endHeaders;
    out.copy(block, 0, mostFrameBytes);
    this.#closeFrame(out);
    for (let from = mostFrameBytes; from < block.length; from += mostFrameBytes) {
      const to = Math.min(block.length, from + mostFrameBytes);
      const next = this.#openFrame(FrameType.continuation, to === block.length ? Flag.endHeaders : 0, stream);
      next.copy(block, from, to);
      this.#closeFrame(next);
    }
    this.#lastAt = -1;
  }

  /** Sends bytes that are no frame: the preface of a client. */
  raw(bytes: Buffer): void {
    const out = this.#openFrame(FrameType.data, 0, 0);
    out.length -= frameHeadBytes;
    out.constant(bytes);
    this.#lastAt = -1;
  }

  /** Sends a frame of fixed content. */
  control(type: FrameType, flags: number, stream: number, payload: Buffer): void {
    const out = this.#openFrame(type, flags, stream);
    out.constant(payload);
    this.#closeFrame(out);
    this.#lastAt = -1;
  }

  /** Sends a frame of one number: RST_STREAM or WINDOW_UPDATE. */
  number(type: FrameType, stream: number, value: number): void {
    const out = this.#openFrame(type, 0, stream);
    out.reserve(4);
    putUint32(out.bytes, out.length, value);
    out.length += 4;
    this.#closeFrame(out);
    this.#lastAt = -1;
  }

  resetStream(stream: number, code: H2Code): void {
    this.number(FrameType.rstStream, stream, code);
  }

  // --- data ---------------------------------------------------------------------------------------------------------

  /** Sends what can be, and keeps a copy of the rest. */
  data(stream: Stream, bytes: Buffer, from: number, to: number): void {
    while (from < to && !stream.hasQueued && !this.#transport.isBlocked) {
      const size = this.#sendableBytes(stream, to - from);
      if (size <= 0) break;
      this.#writeData(stream, bytes, from, size);
      from += size;
    }
    if (from === to) return;
    if (!stream.hasQueued) stream.movedMs = this.#now();
    stream.enqueue(bytes, from, to);
    this.#queuedBytes += to - from;
    if (this.#hasEnough(stream)) stream.isHeldUp = true;
    this.#enterLine(stream);
  }

  #sendableBytes(stream: Stream, wanted: number): number {
    return Math.min(wanted, stream.sendWindow, this.sendWindow, mostFrameBytes);
  }

  #writeData(stream: Stream, bytes: Buffer, from: number, size: number): void {
    const out = this.#openFrame(FrameType.data, 0, stream.id);
    out.copy(bytes, from, from + size);
    this.#closeFrame(out);
    stream.sendWindow -= size;
    this.sendWindow -= size;
    this.dataFrames++;
  }

  /** Ends the stream behind all that was sent on it. */
  end(stream: Stream, trailers: Head | null): void {
    if (stream.hasSentEnd || stream.isEndQueued) return;
    if (stream.hasQueued) {
      stream.isEndQueued = true;
      stream.queuedTrailers = trailers === null ? null : keepHead(trailers);
    } else this.#writeEnd(stream, trailers);
  }

  #writeEnd(stream: Stream, trailers: Head | null): void {
    if (trailers !== null) {
      const out = this.openHeaders(stream, true);
      this.#encodeTrailers(out, trailers);
      return this.closeHeaders(out);
    }
    stream.hasSentEnd = true;
    // The frame before can still say so itself: 9 bytes less, and one frame less to read.
    if (this.#lastAt !== -1 && this.#lastStream === stream.id) {
      this.#out!.bytes[this.#lastAt + 4]! |= Flag.endStream;
      return;
    }
    this.#closeFrame(this.#openFrame(FrameType.data, Flag.endStream, stream.id));
  }

  #encodeTrailers(out: OutBuffer, trailers: Head): void {
    const { encoder } = this;
    const known = trailers.sharedId === 0 ? null : this.#encoded.find(trailers, null, 0, encoder.generation);
    if (known !== null) return out.constant(known);
    const start = out.length;
    const { generation } = encoder;
    encodeTrailers(encoder, out, trailers);
    if (trailers.sharedId !== 0 && encoder.generation === generation)
      this.#encoded.keep(trailers, null, 0, generation, out.bytes.subarray(start, out.length));
  }

  /** More of a stream is not sent. */
  drop(stream: Stream): void {
    this.#queuedBytes -= stream.queuedBytes;
    stream.dropQueue();
    if (!stream.isInLine) return;
    stream.isInLine = false;
    this.#line.splice(this.#line.indexOf(stream), 1);
  }

  #enterLine(stream: Stream): void {
    if (stream.isInLine || stream.sendWindow <= 0) return;
    stream.isInLine = true;
    this.#line.push(stream);
  }

  /** A stream's window, or the one of the connection for null, has grown. */
  onWindow(stream: Stream | null): void {
    if (stream?.hasQueued) this.#enterLine(stream);
    this.pump();
  }

  /** Goes on with what is queued, as far as windows and socket allow. */
  pump(): void {
    while (this.#line.length > 0 && !this.#transport.isBlocked && this.sendWindow > 0) {
      const stream = this.#line.shift()!;
      stream.isInLine = false;
      this.#sendQueued(stream);
    }
  }

  /** Sends one frame's worth, so that others get their turn. */
  #sendQueued(stream: Stream): void {
    const { queuedPiece, queuedFrom } = stream;
    const size = this.#sendableBytes(stream, stream.queuedTo - queuedFrom);
    if (size <= 0) return; // SETTINGS has made the window smaller; when it grows the stream is back in line
    this.#writeData(stream, queuedPiece, queuedFrom, size);
    stream.takeQueued(size);
    this.#queuedBytes -= size;
    stream.movedMs = this.#now();
    if (stream.queuedBytes > 0) this.#enterLine(stream);
    else if (stream.isEndQueued) {
      stream.isEndQueued = false;
      this.#writeEnd(stream, stream.queuedTrailers);
      return stream.onEndSent();
    }
    if (!stream.isHeldUp || this.#hasEnough(stream)) return;
    stream.isHeldUp = false;
    stream.onUnblocked();
  }

  /** As much of a stream waits as may: where many streams wait, there is nothing to be had on top. */
  #hasEnough({ queuedBytes }: Stream): boolean {
    const isCrowded = this.#queuedBytes > this.#bufferBytes * crowd;
    return queuedBytes >= (isCrowded ? 1 : this.#bufferBytes);
  }

  // --- writes -------------------------------------------------------------------------------------------------------

  /** Writes what this turn has brought; called by the batch. */
  flush(): void {
    const out = this.#out;
    if (out === null) return;
    this.#out = null;
    this.#flushOut(out);
    this.#batch.giveBuffer(out);
  }

  #flushOut(out: OutBuffer): void {
    this.#lastAt = -1;
    if (this.#isClosed) out.discard();
    else out.flushTo(this.#transport);
  }
}

function putUint24(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 16;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value;
}

function putUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
