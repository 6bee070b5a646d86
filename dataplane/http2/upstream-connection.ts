import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { FrameType, H2Code, mostStreamId, preface, Setting } from '../../shared/http2/frame.ts';
import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import { HeadVerdict } from '../message/head.ts';
import { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { SharedConnection, SharedPool } from '../upstream/shared-pool.ts';
import type { UpstreamConnection, UpstreamRequest } from '../upstream/upstream-connection.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { BlockCache } from './block-cache.ts';
import { ReplyAssembler } from './reply-assembler.ts';
import { RequestEncoder } from './request-encoder.ts';
import { Session } from './session.ts';
import { settingsPayload } from './settings.ts';
import { TrailerReader } from './trailer-reader.ts';
import { Http2UpstreamStream } from './upstream-stream.ts';

const mostSpare = 64;
const doubtPing = Buffer.from('are you?');
/** A request that is given up sooner says nothing about its instance. */
const leastSilenceMs = 100;
/** Servers of gRPC cut off who pings them more often than they reply. */
const mostPings = 2;
/** Heads are put together and used within one call, so all connections share what does it. */
const replies = new ReplyAssembler();
let replyHead = new ReplyHead();

/** The client side of HTTP/2: one connection to an endpoint and the requests on it. */
export class Http2UpstreamConnection extends Session<Http2UpstreamStream> implements SharedConnection {
  readonly #pool: SharedPool;
  readonly #timer: WheelTimer;
  readonly #bornMs: number;
  readonly #cache = new BlockCache<ReplyHead>();
  readonly #trailers = new TrailerReader(this.decoder, this.context.limits);
  readonly #requestEncoder: RequestEncoder;
  readonly #spare: Http2UpstreamStream[] = [];
  #nextStream = 1;
  #requests = 0;
  /**
   * A stream whose reply has just begun, so that its head may leave together with the body behind it. It has to leave before
   * anything is written to another caller, because all those of HTTP/1.1 have one buffer.
   */
  #begun: Http2UpstreamStream | null = null;
  /** The other side has said what it is: requests may come. */
  #isReady = false;
  #isRetired = false;
  /** Bytes have come since the connection last was without a request. */
  #hasAnswered = false;
  /** When bytes came last, in monotonic ms. */
  #heardMs: number;
  /** The instance has been asked whether it is still there. */
  #isInDoubt = false;
  /** PINGs since the last reply. */
  #pings = 0;
  readonly #doubtTimer = new WheelTimer(() => this.#close());

  constructor(context: WorkerContext, transport: Transport, pool: SharedPool) {
    super(context, transport, false);
    this.#pool = pool;
    this.#bornMs = this.#heardMs = context.now();
    this.#timer = new WheelTimer(() => this.#onDeadline());
    this.#requestEncoder = new RequestEncoder(this.writer.encoder);
    this.writer.raw(preface);
    this.announce(
      settingsPayload([
        [Setting.enablePush, 0],
        [Setting.initialWindowSize, context.limits.http2.streamWindowBytes],
        [Setting.maxHeaderListSize, context.limits.headBytes],
      ]),
    );
    transport.start(this);
    const { connectTimeoutMs } = pool.settings;
    if (connectTimeoutMs > 0) context.wheel.arm(this.#timer, this.#bornMs + connectTimeoutMs);
  }

  // --- what the pool asks ---------------------------------------------------------------------------------------------

  get load(): number {
    return this.streams.size;
  }

  get capacity(): number {
    if (this.#isRetired || this.#isInDoubt) return 0;
    return Math.min(this.peer.concurrentStreams, this.#pool.settings.streamsPerConnection);
  }

  retireIfWorn(): boolean {
    const { maxLifetimeMs, maxRequests } = this.#pool.settings;
    if (maxLifetimeMs > 0 && this.context.now() - this.#bornMs >= maxLifetimeMs)
      this.context.closings.count('upstream lifetime');
    else if (maxRequests > 0 && this.#requests >= maxRequests) this.context.closings.count('upstream requests');
    else return false;
    this.retire();
    return true;
  }

  take(): UpstreamConnection {
    return this.#spare.pop() ?? new Http2UpstreamStream(this, this.writer);
  }

  retire(): void {
    this.#stopTaking();
    if (this.streams.size === 0) this.#close();
  }

  #stopTaking(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#pool.onRetired(this);
  }

  // --- requests -------------------------------------------------------------------------------------------------------

  /** False when the stream failed at once, which it has been told. */
  open(stream: Http2UpstreamStream, request: UpstreamRequest): boolean {
    if (request.isUpgrade && !(this.peer.takesExtendedConnect && asksForWebSocket(request.head))) {
      stream.onLost('not_implemented', false);
      this.#recycle(stream);
      return false;
    }
    const id = this.#nextStream;
    this.#nextStream += 2;
    this.#requests++;
    if (this.streams.size === 0) this.#hasAnswered = false;
    this.context.wheel.disarm(this.#timer);
    stream.enter(id, this.peer.initialWindow, this.context.limits.http2.streamWindowBytes, this.context.now());
    this.streams.set(id, stream);
    if (this.#nextStream > mostStreamId) this.retire();
    const isEnd =
      request.isRequestWhole && request.requestTrailers === null && !request.isUpgrade && request.heldBody.length === 0;
    const out = this.writer.openHeaders(stream, isEnd);
    this.#requestEncoder.encode(out, request);
    this.writer.closeHeaders(out);
    return true;
  }

  done(stream: Http2UpstreamStream): void {
    this.forget(stream);
    this.#recycle(stream);
  }

  giveUp(stream: Http2UpstreamStream, code: H2Code): void {
    if (this.streams.get(stream.id) !== stream) return;
    this.reset(stream, code);
    if (this.#heardMs < stream.begunMs && this.context.now() - stream.begunMs >= leastSilenceMs) this.#doubt();
    this.#recycle(stream);
  }

  #recycle(stream: Http2UpstreamStream): void {
    if (this.#spare.length < mostSpare) this.#spare.push(stream);
    if (this.isClosed || this.isFailed) return;
    if (this.streams.size === 0) this.#rest();
    if (!this.#isRetired) this.#pool.onRoom();
  }

  // --- instances that are gone without a word -------------------------------------------------------------------------

  /**
   * A request was given up, and nothing has come since it was sent. On a connection of its own it would have taken that along; here all
   * that follow would go the same way, so they go elsewhere until the instance says that it is there.
   */
  #doubt(): void {
    const { connectTimeoutMs } = this.#pool.settings;
    if (this.#isInDoubt || connectTimeoutMs === 0) return;
    if (++this.#pings > mostPings) return this.retire();
    this.#isInDoubt = true;
    this.writer.control(FrameType.ping, 0, 0, doubtPing);
    this.context.wheel.arm(this.#doubtTimer, this.context.now() + connectTimeoutMs);
  }

  protected override read(bytes: Buffer, size: number): void {
    this.#heardMs = this.context.now();
    super.read(bytes, size);
    if (this.#begun !== null) this.#flushBegun();
    if (this.#isInDoubt) this.#trust();
  }

  #trust(): void {
    this.#isInDoubt = false;
    this.context.wheel.remove(this.#doubtTimer);
    if (!this.#isRetired) this.#pool.onRoom();
  }

  // --- replies --------------------------------------------------------------------------------------------------------

  override onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): boolean {
    if (this.#begun !== null) this.#flushBegun();
    return super.onFrame(type, flags, stream, bytes, from, to);
  }

  override onDataFrame(flags: number, stream: number, size: number, bytes: number): boolean {
    if (this.#begun !== null && this.#begun.id !== stream) this.#flushBegun();
    return super.onDataFrame(flags, stream, size, bytes);
  }

  #flushBegun(): void {
    const stream = this.#begun!;
    this.#begun = null;
    stream.flushReply();
  }

  protected override isIdle(stream: number): boolean {
    return stream % 2 === 0 || stream >= this.#nextStream;
  }

  protected override onHeaders(id: number, isEnd: boolean, bytes: Buffer, from: number, to: number): void {
    this.#hasAnswered = true;
    this.#pings = 0;
    if (this.isIdle(id)) return void this.fail(H2Code.protocolError);
    const stream = this.streams.get(id);
    if (stream !== undefined && stream.request !== null && stream.awaitsTrailers)
      return this.#onTrailers(stream, isEnd, bytes, from, to);
    const known = this.#cache.find(bytes, from, to, isEnd, this.decoder.generation);
    const head = known ?? replyHead;
    const verdict = known === null ? this.#readHead(isEnd, bytes, from, to) : HeadVerdict.whole;
    if (verdict === null || stream === undefined) return;
    if (stream.hasReceivedEnd) return this.onStreamFault(stream, H2Code.streamClosed);
    if (verdict !== HeadVerdict.whole) return this.onStreamFault(stream, H2Code.protocolError);
    if (isEnd) stream.hasReceivedEnd = true;
    stream.onHead(head, isEnd);
    if (!isEnd) this.#begun = stream;
  }

  #readHead(isEnd: boolean, bytes: Buffer, from: number, to: number): HeadVerdict | null {
    const { limits } = this.context;
    const { generation } = this.decoder;
    const { isRepeated } = this.#cache;
    replies.begin(replyHead, limits, this.decoder);
    if (this.decoder.decode(bytes, from, to, replies) !== null) {
      this.fail(H2Code.compressionError);
      return null;
    }
    const verdict = replies.finish(limits, isEnd);
    if (verdict === HeadVerdict.whole && isRepeated && this.decoder.generation === generation) {
      this.#cache.keep(bytes, from, to, isEnd, generation, replyHead);
      replyHead = new ReplyHead();
    }
    return verdict;
  }

  #onTrailers(stream: Http2UpstreamStream, isEnd: boolean, bytes: Buffer, from: number, to: number): void {
    const trailers = this.#trailers.read(bytes, from, to);
    if (trailers === 'lost') return void this.fail(H2Code.compressionError);
    if (stream.hasReceivedEnd) return this.onStreamFault(stream, H2Code.streamClosed);
    if (!isEnd || trailers === 'malformed') return this.onStreamFault(stream, H2Code.protocolError);
    stream.hasReceivedEnd = true;
    stream.onBodyEnd(trailers);
  }

  /** An instance may go on for a while with what we gave up, however much that was. */
  protected override wasReset(): boolean {
    return true;
  }

  protected override rememberReset(): void {
    // Nobody asks for it.
  }

  /** Each costs a request of ours that we asked it to take, and nothing else. */
  protected override spendReset(): boolean {
    return true;
  }

  protected override onStreamData(stream: Http2UpstreamStream, bytes: Buffer, from: number, to: number): void {
    this.#begun = null;
    stream.onBody(bytes, from, to);
  }

  protected override onStreamEnd(stream: Http2UpstreamStream): void {
    stream.onBodyEnd(null);
  }

  protected override onStreamReset(stream: Http2UpstreamStream, code: H2Code): void {
    this.forget(stream);
    stream.onReset(code);
    this.#recycle(stream);
  }

  protected override onStreamFault(stream: Http2UpstreamStream, code: H2Code): void {
    if (this.#begun !== null) this.#flushBegun(); // its place may go to a request that is answered at once
    stream.onFault(code);
  }

  // --- the connection's life ------------------------------------------------------------------------------------------

  /** No request is under way. */
  #rest(): void {
    if (this.#isRetired) return this.#close();
    const { idleTimeoutMs } = this.#pool.settings;
    if (idleTimeoutMs > 0) this.context.wheel.arm(this.#timer, this.context.now() + idleTimeoutMs);
    else this.context.wheel.disarm(this.#timer);
  }

  #onDeadline(): void {
    if (this.isClosed || this.streams.size > 0) return;
    if (!this.#isReady) return this.#close();
    this.context.closings.count('upstream idle');
    this.#leave();
  }

  #leave(): void {
    this.sayGoaway(0, H2Code.noError);
    this.writer.flush();
    this.#close();
  }

  protected override onSettings(): void {
    if (this.#isReady) return this.#isRetired ? undefined : this.#pool.onRoom();
    this.#isReady = true;
    this.#rest();
    this.#pool.onReady(this);
  }

  protected override onPong(): void {
    // Whatever comes tells as much.
  }

  /** What the instance has not begun with goes elsewhere (RFC 9113 §6.8). */
  protected override onGoaway(lastStream: number): void {
    if (!this.#isReady) return this.#close();
    this.#stopTaking();
    for (const stream of [...this.streams.values()]) if (stream.id > lastStream) this.#lose(stream, 'upstream_refused');
    if (this.streams.size === 0) this.#close();
  }

  #lose(stream: Http2UpstreamStream, failure: ErrorCode): void {
    this.forget(stream);
    stream.onLost(failure, false);
    this.#recycle(stream);
  }

  protected override onFailed(): void {
    if (this.#begun !== null) this.#flushBegun();
    this.writer.flush();
    if (this.#isReady) this.#stopTaking(); // or a request that goes out again at once would come back here
    this.#endStreams('upstream_protocol');
    this.#close();
  }

  override onEnd(): void {
    this.context.tick();
    this.#close();
  }

  #close(): void {
    if (this.isClosed) return;
    this.transport.destroy();
    this.onClosed();
  }

  #endStreams(failure: ErrorCode): void {
    const isStale = !this.#hasAnswered && this.#requests > this.streams.size;
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const stream of streams) {
      this.writer.drop(stream);
      stream.onLost(failure, isStale);
    }
  }

  override onClosed(): void {
    if (this.isClosed) return;
    this.context.tick();
    this.isClosed = true;
    this.context.wheel.remove(this.#timer);
    this.context.wheel.remove(this.#doubtTimer);
    this.writer.close();
    this.#spare.length = 0;
    if (this.#isReady) this.#stopTaking();
    else this.#pool.onConnectFailed();
    this.#endStreams('upstream_reset');
  }
}

/** Other upgrades have no counterpart in HTTP/2. */
function asksForWebSocket(head: RequestHead): boolean {
  return head.valueAt(head.upgradeField).toLowerCase() === 'websocket';
}
