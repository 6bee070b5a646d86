import { Budget } from '../../shared/http2/budget.ts';
import { defaultWindow, Flag, FrameType, H2Code, mostWindow, uint31At, uint32At } from '../../shared/http2/frame.ts';
import { FrameReader, type FrameSink } from '../../shared/http2/frame-reader.ts';
import { HeaderBlock } from '../../shared/http2/header-block.ts';
import { HpackDecoder } from '../../shared/http2/hpack/decoder.ts';
import { HpackEncoder } from '../../shared/http2/hpack/encoder.ts';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { classifyField } from './field-kind.ts';
import { FrameWriter } from './frame-writer.ts';
import { PeerSettings } from './settings.ts';
import { type Stream, unknownLength } from './stream.ts';

const tableBytes = 4096;
const nothing = Buffer.alloc(0);

/** Frames that ask for something and bring nothing: so many at once, and so many more each second. */
const mostIdleFrames = 2000;
const idleFramesPerSecond = 200;
/** What a piece of work gives back. */
const earnedByRequest = 20;
const earnedByData = 2;
/** An empty DATA or CONTINUATION frame has no use whatever. */
const emptyFrameCost = 20;
/** Streams that ended before their time, by either side. */
const mostResets = 500;
const resetsPerSecond = 50;
/** Answers to frames that wait because the peer reads nothing. */
const mostUnreadAnswers = 1000;
/** Streams of which frames may still be on their way after we have reset them. */
const rememberedResets = 512;

/** One connection of HTTP/2, as far as client and server are alike (RFC 9113). */
export abstract class Session<S extends Stream> implements TransportOwner, FrameSink {
  protected readonly context: WorkerContext;
  protected readonly transport: Transport;
  protected readonly writer: FrameWriter;
  protected readonly decoder = new HpackDecoder(tableBytes, classifyField);
  protected readonly peer: PeerSettings;
  protected readonly streams = new Map<number, S>();
  /** The newest stream that the peer has opened. */
  protected lastPeerStream = 0;
  protected isClosed = false;
  /** GOAWAY has been sent because of a fault: nothing that comes is looked at any more. */
  protected isFailed = false;
  readonly #reader = new FrameReader();
  readonly #block: HeaderBlock;
  readonly #idleFrames = new Budget(mostIdleFrames, idleFramesPerSecond);
  readonly #resets = new Budget(mostResets, resetsPerSecond);
  #recentResets: Int32Array | null = null;
  #resetCount = 0;
  #hasSettings = false;
  #receiveWindow: number;
  /**
   * What a caller makes wait is bounded by the window of its connection. Towards an instance many callers share one, so the slow
   * ones must not keep it from the others: there the windows of streams are the bound.
   */
  readonly #sharesWindow: boolean;
  #unreturned = 0;
  #unreadAnswers = 0;
  #countedDataFrames = 0;
  /** Of the DATA frame that is being read; null when nobody wants it. */
  #dataStream: S | null = null;
  #dataBytes = 0;

  constructor(context: WorkerContext, transport: Transport, isServer: boolean) {
    this.context = context;
    this.transport = transport;
    this.peer = new PeerSettings(!isServer);
    this.#sharesWindow = !isServer;
    this.#block = new HeaderBlock(context.limits.headBytes);
    const encoder = new HpackEncoder(tableBytes);
    this.writer = new FrameWriter(transport, context.batch, encoder, {
      bufferBytes: context.limits.bufferBytes,
      now: context.now,
    });
    this.#receiveWindow = context.limits.http2.connectionWindowBytes;
  }

  get bufferBytes(): number {
    return this.context.limits.bufferBytes;
  }

  /** Says what we are; the first thing that is sent, but for the preface of a client. */
  protected announce(settings: Buffer): void {
    this.writer.control(FrameType.settings, 0, 0, settings);
    const more = this.#receiveWindow - defaultWindow;
    if (more > 0) this.writer.number(FrameType.windowUpdate, 0, more);
  }

  // --- what the two sides do differently ----------------------------------------------------------------------------

  /** A header block is whole. */
  protected abstract onHeaders(stream: number, isEnd: boolean, bytes: Buffer, from: number, to: number): void;
  protected abstract onStreamData(stream: S, bytes: Buffer, from: number, to: number): void;
  protected abstract onStreamEnd(stream: S): void;
  /** The peer gave the stream up. */
  protected abstract onStreamReset(stream: S, code: H2Code): void;
  /** We gave it up, because of something the peer did. */
  protected abstract onStreamFault(stream: S, code: H2Code): void;
  protected abstract onGoaway(lastStream: number, code: H2Code): void;
  protected abstract onSettings(): void;
  protected abstract onPong(payload: Buffer): void;
  /** Nothing can be carried any more, `code` being our reason; the connection is to end when what is written has left. */
  protected abstract onFailed(code: H2Code): void;
  /** A stream with this number may not have been used yet. */
  protected abstract isIdle(stream: number): boolean;

  // --- reading --------------------------------------------------------------------------------------------------------

  onRead(size: number): boolean {
    this.context.tick();
    this.read(this.transport.memory, size);
    return !this.isClosed;
  }

  protected read(bytes: Buffer, size: number): void {
    if (this.isFailed) return;
    const code = this.#reader.read(bytes, size, this);
    if (code !== H2Code.noError) this.fail(code);
  }

  onDrain(): void {
    this.context.tick();
    this.writer.pump();
  }

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.#block.isOpen && (type !== FrameType.continuation || stream !== this.#block.stream))
      return this.fail(H2Code.protocolError);
    if (!this.#hasSettings && (type !== FrameType.settings || (flags & Flag.ack) !== 0))
      return this.fail(H2Code.protocolError); // RFC 9113 §3.4
    switch (type) {
      case FrameType.headers:
        return this.#onHeadersFrame(flags, stream, bytes, from, to);
      case FrameType.continuation:
        return this.#onContinuation(flags, bytes, from, to);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(stream, bytes, from, to);
      case FrameType.rstStream:
        return this.#onRstStream(stream, bytes, from, to);
      case FrameType.settings:
        return this.#onSettingsFrame(flags, stream, bytes, from, to);
      case FrameType.ping:
        return this.#onPing(flags, stream, bytes, from, to);
      case FrameType.goaway:
        if (stream !== 0) return this.fail(H2Code.protocolError);
        if (to - from < 8) return this.fail(H2Code.frameSizeError);
        if (!this.#spend(1)) return false;
        this.onGoaway(uint31At(bytes, from), uint32At(bytes, from + 4) as H2Code);
        return !this.isFailed;
      case FrameType.priority:
        return this.#onPriority(stream, bytes, from, to);
      case FrameType.pushPromise:
        return this.fail(H2Code.protocolError); // nobody pushes to a server, and as a client we forbid it
      default:
        return this.#spend(1); // RFC 9113 §4.1: unknown ones are ignored
    }
  }

  #onHeadersFrame(flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (stream === 0) return this.fail(H2Code.protocolError);
    const padding = (flags & Flag.padded) === 0 ? 0 : from < to ? bytes[from++]! : -1;
    let dependency = 0;
    if ((flags & Flag.priority) !== 0 && to - from >= 5) {
      dependency = uint31At(bytes, from);
      from += 5;
    } else if ((flags & Flag.priority) !== 0) return this.fail(H2Code.frameSizeError);
    if (padding === -1 || from > to - padding) return this.fail(H2Code.protocolError);
    if (dependency === stream) return this.fail(H2Code.protocolError); // RFC 7540 §5.3.1
    const isEnd = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) === 0) {
      if (!this.#block.open(stream, isEnd, bytes, from, to - padding)) return this.fail(H2Code.enhanceYourCalm);
      this.onBlockOpen();
      return true;
    }
    this.onHeaders(stream, isEnd, bytes, from, to - padding);
    return !this.isFailed;
  }

  #onContinuation(flags: number, bytes: Buffer, from: number, to: number): boolean {
    const block = this.#block;
    if (!block.isOpen) return this.fail(H2Code.protocolError);
    if (from === to && !this.#spend(emptyFrameCost)) return false;
    if (!block.add(bytes, from, to)) return this.fail(H2Code.enhanceYourCalm);
    if ((flags & Flag.endHeaders) === 0) return true;
    const whole = block.close();
    this.onHeaders(block.stream, block.isEnd, whole, 0, whole.length);
    return !this.isFailed;
  }

  /** Asked while a header block waits for its rest: it has the time of a head. */
  protected onBlockOpen(): void {
    // Whoever bounds the time of a head arms a timer here.
  }

  protected get isWithinBlock(): boolean {
    return this.#block.isOpen;
  }

  #onPriority(stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (stream === 0) return this.fail(H2Code.protocolError);
    if (!this.#spend(1)) return false;
    if (to - from !== 5) return this.#faultOf(stream, H2Code.frameSizeError);
    if (uint31At(bytes, from) === stream) return this.#faultOf(stream, H2Code.protocolError);
    return true;
  }

  #onRstStream(stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (to - from !== 4) return this.fail(H2Code.frameSizeError);
    if (stream === 0 || this.isIdle(stream)) return this.fail(H2Code.protocolError);
    const found = this.streams.get(stream);
    if (found === undefined) return this.#spend(1);
    if (!this.spendReset()) return false;
    this.onStreamReset(found, uint32At(bytes, from) as H2Code);
    return true;
  }

  #onSettingsFrame(flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (stream !== 0) return this.fail(H2Code.protocolError);
    if ((flags & Flag.ack) !== 0) {
      if (to !== from) return this.fail(H2Code.frameSizeError);
      this.decoder.acknowledged();
      return this.#spend(1);
    }
    this.#hasSettings = true;
    const windowBefore = this.peer.initialWindow;
    const code = this.peer.read(bytes, from, to);
    if (code !== H2Code.noError) return this.fail(code);
    this.writer.encoder.limit(this.peer.headerTableBytes);
    // What the new windows let through comes behind the word that they are known (RFC 9113 §6.5.3).
    if (!this.#answer(FrameType.settings, nothing)) return false;
    if (!this.#growWindows(this.peer.initialWindow - windowBefore)) return this.fail(H2Code.flowControlError);
    this.onSettings();
    return !this.isFailed;
  }

  /** RFC 9113 §6.9.2: windows of open streams change by the difference, and may fall below nothing. */
  #growWindows(difference: number): boolean {
    if (difference === 0) return true;
    for (const stream of this.streams.values()) {
      stream.sendWindow += difference;
      if (stream.sendWindow > mostWindow) return false;
      if (difference > 0) this.writer.onWindow(stream);
    }
    return true;
  }

  #onPing(flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (stream !== 0) return this.fail(H2Code.protocolError);
    if (to - from !== 8) return this.fail(H2Code.frameSizeError);
    const payload = bytes.subarray(from, to);
    if ((flags & Flag.ack) === 0) return this.#answer(FrameType.ping, payload);
    this.onPong(payload);
    return this.#spend(1);
  }

  /** Answers a frame that asks for it, unless the peer asks too much or takes none of the answers. */
  #answer(type: FrameType, payload: Buffer): boolean {
    if (!this.#spend(1)) return false;
    if (this.transport.unsentBytes === 0) this.#unreadAnswers = 0;
    else if (++this.#unreadAnswers > mostUnreadAnswers) return this.fail(H2Code.enhanceYourCalm);
    this.writer.control(type, Flag.ack, 0, payload);
    return true;
  }

  #onWindowUpdate(stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (to - from !== 4) return this.fail(H2Code.frameSizeError);
    const increment = uint31At(bytes, from);
    this.#earnBySending();
    if (stream === 0) {
      if (increment === 0) return this.fail(H2Code.protocolError);
      this.writer.sendWindow += increment;
      if (this.writer.sendWindow > mostWindow) return this.fail(H2Code.flowControlError);
      if (!this.#spend(1)) return false;
      this.writer.onWindow(null);
      return !this.isFailed;
    }
    if (this.isIdle(stream)) return this.fail(H2Code.protocolError);
    if (!this.#spend(1)) return false;
    if (increment === 0) return this.#faultOf(stream, H2Code.protocolError);
    const found = this.streams.get(stream);
    if (found === undefined) return true;
    found.sendWindow += increment;
    if (found.sendWindow > mostWindow) return this.#faultOf(stream, H2Code.flowControlError);
    this.writer.onWindow(found);
    return !this.isFailed;
  }

  /** Room for more data is what a peer has to give for what it was sent. */
  #earnBySending(): void {
    const { dataFrames } = this.writer;
    this.#idleFrames.earn((dataFrames - this.#countedDataFrames) * earnedByData);
    this.#countedDataFrames = dataFrames;
  }

  // --- data -----------------------------------------------------------------------------------------------------------

  onDataFrame(flags: number, stream: number, size: number, bytes: number): boolean {
    if (stream === 0 || this.isIdle(stream) || this.#block.isOpen || !this.#hasSettings)
      return this.fail(H2Code.protocolError);
    this.#receiveWindow -= size;
    if (this.#receiveWindow < 0) return this.fail(H2Code.flowControlError);
    const found = this.streams.get(stream);
    this.#dataStream = null;
    this.#dataBytes = size;
    if (found === undefined) return this.#onLateData(stream, size);
    if (found.hasReceivedEnd) {
      this.#return(size);
      return this.#faultOf(stream, H2Code.streamClosed);
    }
    found.receiveWindow -= size;
    if (found.receiveWindow < 0) {
      this.#return(size);
      return this.#faultOf(stream, H2Code.flowControlError);
    }
    if (found.bodyLeft !== unknownLength) {
      // Known before any of the frame is passed on, which would end for the next hop where it did not for the sender.
      const isEnd = (flags & Flag.endStream) !== 0;
      if (bytes > found.bodyLeft || (isEnd && bytes < found.bodyLeft)) {
        this.#return(size);
        return this.#faultOf(stream, H2Code.protocolError); // RFC 9113 §8.1.1
      }
      found.bodyLeft -= bytes;
    }
    if (size === 0 && (flags & Flag.endStream) === 0 && !this.#spend(emptyFrameCost)) return false;
    this.#dataStream = found;
    return true;
  }

  /** Data of a stream that is no more: was it us who ended it, it may have been on its way (RFC 9113 §5.1). */
  #onLateData(stream: number, size: number): boolean {
    this.#return(size);
    if (!this.wasReset(stream)) return this.#faultOf(stream, H2Code.streamClosed);
    return size > 0 || this.#spend(emptyFrameCost);
  }

  onData(bytes: Buffer, from: number, to: number): boolean {
    const stream = this.#dataStream;
    if (stream === null) return true;
    this.#dataBytes -= to - from;
    this.#idleFrames.earn(earnedByData);
    this.onStreamData(stream, bytes, from, to);
    this.#consumed(to - from);
    return !this.isFailed;
  }

  onDataEnd(flags: number): boolean {
    const stream = this.#dataStream;
    if (stream === null) return true;
    this.#consumed(this.#dataBytes); // the padding
    this.#dataStream = null;
    // What the stream did in between may have ended it.
    if ((flags & Flag.endStream) === 0 || this.streams.get(stream.id) !== stream) return true;
    stream.hasReceivedEnd = true;
    this.onStreamEnd(stream);
    return !this.isFailed;
  }

  /** Bytes of the frame being read have been dealt with: the peer gets them back, unless their stream is paused. */
  #consumed(size: number): void {
    if (size === 0 || this.isFailed) return;
    const stream = this.#dataStream;
    if (stream === null) return this.#return(size); // it was given up meanwhile
    if (!stream.isReadPaused || this.#sharesWindow) this.#return(size);
    if (stream.isReadPaused) stream.withheld += size;
    else this.#giveBack(stream, size);
  }

  #giveBack(stream: S, size: number): void {
    if (stream.hasReceivedEnd) return;
    stream.unreturned += size;
    if (stream.unreturned < this.context.limits.http2.streamWindowBytes >> 1) return;
    this.writer.number(FrameType.windowUpdate, stream.id, stream.unreturned);
    stream.receiveWindow += stream.unreturned;
    stream.unreturned = 0;
  }

  #return(size: number): void {
    this.#unreturned += size;
    if (this.#unreturned < this.context.limits.http2.connectionWindowBytes >> 1) return;
    this.writer.number(FrameType.windowUpdate, 0, this.#unreturned);
    this.#receiveWindow += this.#unreturned;
    this.#unreturned = 0;
  }

  /** Whoever takes the stream's data has caught up. */
  resumeStream(stream: S): void {
    if (!stream.isReadPaused) return;
    stream.isReadPaused = false;
    const size = this.#takeWithheld(stream);
    if (this.streams.get(stream.id) === stream) this.#giveBack(stream, size);
  }

  #takeWithheld(stream: S): number {
    const size = stream.withheld;
    stream.withheld = 0;
    if (!this.#sharesWindow) this.#return(size);
    return size;
  }

  // --- endings --------------------------------------------------------------------------------------------------------

  /** The stream is over on both sides, or is given up. */
  protected forget(stream: S): void {
    this.writer.drop(stream);
    this.streams.delete(stream.id);
    this.#idleFrames.earn(earnedByRequest);
    this.#takeWithheld(stream);
    if (this.#dataStream !== stream) return;
    // The rest of a frame that is being read is nobody's now.
    this.#dataStream = null;
    this.#return(this.#dataBytes);
  }

  /** Gives a stream up; frames of it that are still on their way are ignored. */
  protected reset(stream: S, code: H2Code): void {
    this.writer.resetStream(stream.id, code);
    this.rememberReset(stream.id);
    this.forget(stream);
  }

  protected rememberReset(stream: number): void {
    this.#recentResets ??= new Int32Array(rememberedResets);
    this.#recentResets[this.#resetCount++ % rememberedResets] = stream;
  }

  protected wasReset(stream: number): boolean {
    return this.#recentResets?.includes(stream) ?? false;
  }

  /** A stream error (RFC 9113 §5.4.2). Counts like a reset of the peer's own, which it could bring about as often. */
  #faultOf(stream: number, code: H2Code): boolean {
    if (!this.spendReset()) return false;
    const found = this.streams.get(stream);
    if (found !== undefined) this.onStreamFault(found, code);
    else if (this.isIdle(stream)) return this.fail(code);
    else this.writer.resetStream(stream, code);
    return !this.isFailed;
  }

  /** False when too many streams ended before their time, which has failed the connection. */
  protected spendReset(): boolean {
    return this.#resets.spend(1, this.context.now()) || this.fail(H2Code.enhanceYourCalm);
  }

  protected earnReset(): void {
    this.#resets.earn(1);
  }

  #spend(cost: number): boolean {
    return this.#idleFrames.spend(cost, this.context.now()) || this.fail(H2Code.enhanceYourCalm);
  }

  /** A connection error (RFC 9113 §5.4.1). Always false. */
  protected fail(code: H2Code): false {
    if (this.isFailed || this.isClosed) return false;
    this.isFailed = true;
    this.sayGoaway(this.lastPeerStream, code);
    this.onFailed(code);
    return false;
  }

  protected sayGoaway(lastStream: number, code: H2Code): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(lastStream, 0);
    payload.writeUInt32BE(code, 4);
    this.writer.control(FrameType.goaway, 0, 0, payload);
  }

  abstract onEnd(): void;
  abstract onClosed(): void;
}
