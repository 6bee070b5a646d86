import { FrameType, H2Code, mostStreamId, preface, Setting } from '../../shared/http2/frame.ts';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import type { Caller } from '../message/caller.ts';
import { Lingering } from '../transport/lingering.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { Http2DownstreamStream } from './downstream-stream.ts';
import { ReplyEncoder } from './reply-encoder.ts';
import { RequestReader } from './request-reader.ts';
import { Session } from './session.ts';
import { settingsPayload } from './settings.ts';
import { TrailerReader } from './trailer-reader.ts';

/** Streams kept for the requests to come. */
const mostSpare = 64;
const drainPing = Buffer.from('draining');
/** Who has not answered by then has heard of the drain, or never will. */
const mostPingMs = 1000;
/** A connection that was quiet for so long lets go of what it keeps for its next requests. */
const restMs = 1000;

/** The server side of HTTP/2: one connection of a caller and the streams on it. */
export class Http2DownstreamConnection extends Session<Http2DownstreamStream> {
  readonly caller: Caller;
  readonly direction: ProxyListener['direction'];
  readonly #onGone: (connection: Http2DownstreamConnection) => void;
  readonly #timer: WheelTimer;
  readonly #heads: RequestReader;
  readonly #trailers = new TrailerReader(this.decoder, this.context.limits);
  readonly #replies: ReplyEncoder;
  readonly #spare: Http2DownstreamStream[] = [];
  /** Bytes of the preface that are still to come. */
  #prefaceLeft = preface.length;
  #requests = 0;
  /** When the connection has been without a request for too long. */
  #idleAtMs = 0;
  /** Streams above it are not served any more. */
  #lastServed = mostStreamId;
  #isDraining = false;
  #hasEnded = false;
  #lingering: Lingering | null = null;

  constructor(
    context: WorkerContext,
    transport: Transport,
    { direction, connect }: Pick<ProxyListener, 'direction' | 'connect'>,
    caller: Caller,
    onClosed: (connection: Http2DownstreamConnection) => void,
  ) {
    super(context, transport, true);
    this.caller = caller;
    this.direction = direction;
    this.#heads = new RequestReader(this.decoder, context.limits, caller, connect);
    this.#onGone = onClosed;
    this.#replies = new ReplyEncoder(this.writer.encoder, direction === 'inbound');
    this.#timer = new WheelTimer(() => this.#onDeadline());
    this.#arm(context.limits.headTimeoutMs);
    const { streams, streamWindowBytes } = context.limits.http2;
    this.announce(
      settingsPayload([
        [Setting.maxConcurrentStreams, streams],
        [Setting.initialWindowSize, streamWindowBytes],
        [Setting.maxHeaderListSize, context.limits.headBytes],
        [Setting.enableConnectProtocol, 1],
      ]),
    );
    transport.start(this);
  }

  /** Reads what came before this connection was known to speak HTTP/2. */
  readEarly(bytes: Buffer): void {
    this.read(bytes, bytes.length);
  }

  // --- requests -------------------------------------------------------------------------------------------------------

  protected override read(bytes: Buffer, size: number): void {
    if (this.#lingering !== null) return this.#lingering.onRead();
    let at = 0;
    while (this.#prefaceLeft > 0 && at < size) {
      if (bytes[at++] !== preface[preface.length - this.#prefaceLeft]) return void this.fail(H2Code.protocolError);
      this.#prefaceLeft--;
    }
    if (at < size) super.read(at === 0 ? bytes : bytes.subarray(at, size), size - at);
  }

  protected override isIdle(stream: number): boolean {
    return stream % 2 === 0 || stream > this.lastPeerStream;
  }

  protected override onHeaders(id: number, isEnd: boolean, bytes: Buffer, from: number, to: number): void {
    const open = this.streams.get(id);
    if (open !== undefined) return this.#onTrailers(open, isEnd, bytes, from, to);
    if (id % 2 === 0) return void this.fail(H2Code.protocolError);
    if (id <= this.lastPeerStream) return this.#onLateHeaders(id, bytes, from, to);
    this.lastPeerStream = id;
    const { limits } = this.context;
    if (id > this.#lastServed || this.streams.size >= limits.http2.streams) {
      if (!this.#heads.discard(bytes, from, to)) return void this.fail(H2Code.compressionError);
      this.rememberReset(id); // what belongs to it may follow
      if (id > this.#lastServed || !this.spendReset()) return;
      return this.writer.resetStream(id, H2Code.refusedStream);
    }
    const stream = this.#spare.pop() ?? this.#newStream();
    const head = this.#heads.read(stream, isEnd, bytes, from, to);
    const { verdict } = this.#heads;
    if (verdict === 'lost') return void this.fail(H2Code.compressionError);
    this.streams.set(id, stream);
    if (this.streams.size === 1) this.#disarm();
    stream.begin(id, this.peer.initialWindow, limits.http2.streamWindowBytes, isEnd);
    if (verdict === 'whole') {
      if (++this.#requests === limits.requestsPerConnection) this.#leaveSoon();
      return stream.serve(head);
    }
    if (verdict === 'refused') return stream.refuse(head, head.refusal, head.refusalDetail);
    stream.countRefusal('bad_request', 400);
    this.giveUpForFault(stream, H2Code.protocolError);
  }

  #newStream(): Http2DownstreamStream {
    return new Http2DownstreamStream(this.context, this, this.writer, this.#replies, this.direction, this.caller);
  }

  #onLateHeaders(id: number, bytes: Buffer, from: number, to: number): void {
    if (!this.wasReset(id)) return void this.fail(H2Code.streamClosed);
    if (!this.#heads.discard(bytes, from, to)) return void this.fail(H2Code.compressionError);
    this.spendReset();
  }

  #onTrailers(stream: Http2DownstreamStream, isEnd: boolean, bytes: Buffer, from: number, to: number): void {
    const trailers = this.#trailers.read(bytes, from, to);
    if (trailers === 'lost') return void this.fail(H2Code.compressionError);
    if (stream.hasReceivedEnd) return this.giveUpForFault(stream, H2Code.streamClosed);
    // RFC 9113 §8.1: a second block is the trailer section, and ends the stream.
    if (!isEnd || trailers === 'malformed') return this.giveUpForFault(stream, H2Code.protocolError);
    stream.hasReceivedEnd = true;
    stream.onTrailers(trailers);
  }

  protected override onStreamData(stream: Http2DownstreamStream, bytes: Buffer, from: number, to: number): void {
    stream.onBody(bytes, from, to);
  }

  protected override onStreamEnd(stream: Http2DownstreamStream): void {
    stream.onBodyEnd(null);
  }

  protected override onStreamReset(stream: Http2DownstreamStream): void {
    this.forget(stream);
    stream.onGone();
    this.recycle(stream);
  }

  protected override onStreamFault(stream: Http2DownstreamStream, code: H2Code): void {
    this.giveUp(stream, code);
  }

  /** Ends a stream at once, from our side. */
  giveUp(stream: Http2DownstreamStream, code: H2Code): void {
    if (this.streams.get(stream.id) !== stream) return;
    this.reset(stream, code);
    stream.onGone();
    this.recycle(stream);
  }

  giveUpForFault(stream: Http2DownstreamStream, code: H2Code): void {
    if (this.spendReset()) this.giveUp(stream, code);
  }

  /** Request and reply are whole. What is left of a request that was answered early is not wanted (RFC 9113 §8.1). */
  complete(stream: Http2DownstreamStream): void {
    if (this.streams.get(stream.id) !== stream) return;
    if (stream.hasReceivedEnd) this.forget(stream);
    else this.reset(stream, H2Code.noError);
    this.earnReset();
    this.recycle(stream);
  }

  protected recycle(stream: Http2DownstreamStream): void {
    stream.rest();
    if (stream.isReusable && this.#spare.length < mostSpare) this.#spare.push(stream);
    else stream.onGone();
    if (this.streams.size === 0) this.#onQuiet();
  }

  // --- the connection's life ------------------------------------------------------------------------------------------

  /** No request is under way. */
  #onQuiet(): void {
    if (this.isClosed || this.isFailed) return;
    if (this.#isDraining) return this.#lastServed === mostStreamId ? this.#arm(mostPingMs) : this.#linger();
    this.#idleAtMs = this.context.now() + this.context.limits.keepAliveTimeoutMs;
    if (!this.isWithinBlock) this.#arm(restMs); // else the timer is the one of a head
  }

  #rest(): void {
    for (const stream of this.#spare) stream.onGone();
    this.#spare.length = 0;
    this.#heads.rest();
    this.#trailers.rest();
    this.#replies.rest();
  }

  /** 0 is no bound. */
  #arm(afterMs: number): void {
    if (afterMs > 0) this.context.wheel.arm(this.#timer, this.context.now() + afterMs);
    else this.#disarm();
  }

  #disarm(): void {
    this.context.wheel.disarm(this.#timer);
  }

  protected override onBlockOpen(): void {
    this.#arm(this.context.limits.headTimeoutMs);
  }

  #onDeadline(): void {
    if (this.isClosed) return;
    if (this.#prefaceLeft > 0 || this.isWithinBlock) return this.#close();
    if (this.streams.size > 0) return this.#dropStalled();
    const { keepAliveTimeoutMs } = this.context.limits;
    const leftMs = keepAliveTimeoutMs === 0 ? 0 : this.#idleAtMs - this.context.now();
    if (!this.#isDraining && (keepAliveTimeoutMs === 0 || leftMs > 0)) {
      this.#rest();
      return this.#arm(leftMs);
    }
    if (!this.#isDraining) this.context.closings.count('downstream idle');
    this.sayGoaway(this.lastPeerStream, H2Code.noError);
    this.#linger();
  }

  /** Replies that nobody takes must not stay for good: whoever has not moved for as long as an idle connection may is cut off. */
  #dropStalled(): void {
    const { keepAliveTimeoutMs } = this.context.limits;
    if (keepAliveTimeoutMs === 0) return;
    const nowMs = this.context.now();
    let isSomeQueued = false;
    for (const stream of [...this.streams.values()]) {
      if (!stream.hasQueued) continue;
      if (nowMs - stream.movedMs < keepAliveTimeoutMs) isSomeQueued = true;
      else {
        this.context.closings.count('downstream stalled');
        this.giveUp(stream, H2Code.cancel);
      }
    }
    if (isSomeQueued) this.#arm(keepAliveTimeoutMs);
  }

  /** A reply waits for its caller. */
  watchQueue(): void {
    if (this.#timer.deadlineMs === Number.POSITIVE_INFINITY) this.#arm(this.context.limits.keepAliveTimeoutMs);
  }

  /**
   * Takes no new requests: first says so to whoever has some on their way, and refuses those that come after they must have
   * heard it (RFC 9113 §6.8).
   */
  drain(): void {
    if (this.#isDraining || this.isClosed || this.isFailed) return;
    this.#isDraining = true;
    if (this.#prefaceLeft > 0) return this.#close();
    this.sayGoaway(mostStreamId, H2Code.noError);
    this.writer.control(FrameType.ping, 0, 0, drainPing);
    if (this.streams.size === 0) this.#arm(mostPingMs);
  }

  #leaveSoon(): void {
    this.context.closings.count('downstream requests');
    this.drain();
  }

  protected override onPong(payload: Buffer): void {
    if (!this.#isDraining || !drainPing.equals(payload) || this.#lastServed !== mostStreamId) return;
    this.#lastServed = this.lastPeerStream;
    this.sayGoaway(this.#lastServed, H2Code.noError);
    if (this.streams.size === 0) this.#onQuiet();
  }

  protected override onSettings(): void {
    if (this.streams.size === 0) this.#onQuiet();
  }

  protected override onGoaway(): void {
    // The caller opens no more streams; it closes the connection when it has what it wants.
  }

  protected override onFailed(): void {
    this.#endStreams();
    this.#linger();
  }

  #linger(): void {
    if (this.#lingering !== null || this.isClosed) return;
    this.#disarm();
    this.writer.flush();
    this.#lingering = new Lingering(this.context, this.transport, this.#hasEnded, () => this.#close());
  }

  /** The caller sends no more, and so could not even make room for the rest of a reply: its requests are cancelled. */
  override onEnd(): void {
    this.context.tick();
    this.#hasEnded = true;
    if (this.#lingering !== null) return this.#lingering.onEnd();
    this.#endStreams();
    this.#linger();
  }

  /** Ends the connection with whatever is on it. */
  destroy(): void {
    this.#close();
  }

  #close(): void {
    if (this.isClosed) return;
    this.transport.destroy();
    this.onClosed();
  }

  #endStreams(): void {
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const stream of streams) {
      this.writer.drop(stream);
      stream.onGone();
    }
  }

  override onClosed(): void {
    if (this.isClosed) return;
    this.context.tick();
    this.isClosed = true;
    this.context.wheel.remove(this.#timer);
    this.#lingering?.stop();
    this.writer.close();
    this.#endStreams();
    this.#rest();
    this.#onGone(this);
  }
}
