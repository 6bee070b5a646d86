import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import type { Caller } from '../message/caller.ts';
import { FieldName } from '../message/field-name.ts';
import { CR, LF } from '../message/grammar.ts';
import { admit, admitTrailers } from '../message/guarded-fields.ts';
import { dropListed, type Head, HeadVerdict, noLength } from '../message/head.ts';
import { inFormOf, type LocalReply, localReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { RequestHead } from '../message/request-head.ts';
import type { Downstream } from '../pipeline/downstream.ts';
import { Exchange } from '../pipeline/exchange.ts';
import { Lingering } from '../transport/lingering.ts';
import { ascii, leastDirect, type OutBuffer } from '../transport/out-buffer.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { BodyReader, type BodySink, Framing } from './body-reader.ts';
import { type Persistence, ReplyHeads } from './downstream-replies.ts';
import { ReplyFraming, writeTrailers } from './head-writer.ts';
import { readRequestHead } from './read-request-head.ts';

const crlf = ascii('\r\n');
const lastChunk = ascii('0\r\n');
const mostHeldBytes = 65_536;
const mostSkippedBytes = 65_536;
const nothing = Buffer.alloc(0);
const ignore = () => undefined;

/**
 *   idle -> (head whole) -> busy -> (reply and request whole) -> idle
 *                             |-> tunnel
 *   any  -> lingering: the last reply is out; what still comes is thrown away so that the caller can read it
 */
type State = 'idle' | 'busy' | 'tunnel' | 'lingering' | 'closed';

/** The server side of HTTP/1.1: one connection of a caller, its requests answered in order. */
export class Http1DownstreamConnection implements Downstream, BodySink, TransportOwner {
  readonly #context: WorkerContext;
  readonly #out: OutBuffer;
  readonly #transport: Transport;
  readonly #caller: Caller;
  readonly #head = new RequestHead();
  readonly #body = new BodyReader();
  readonly #exchange: Exchange;
  readonly #timer: WheelTimer;
  readonly #onClosed: (connection: Http1DownstreamConnection) => void;
  readonly #heads: ReplyHeads;
  #state: State = 'idle';
  /** Bytes that wait: a head that is not whole, or requests behind the one being answered. */
  #held: Buffer = nothing;
  /** The timer waits for the next request rather than for the rest of a head. */
  #isKeepAlive = false;
  /** Memory of the request being answered; free again when the connection is idle and nothing is held. */
  #own: Buffer = nothing;
  #ownView: Buffer = nothing;
  #isReplyDone = false;
  #isAdvancing = false;
  #closesAfterReply = false;
  #hasEnded = false;
  #isPaused = false;
  #sendsChunks = false;
  #requests = 0;
  /** Above it a body is refused. */
  readonly #mostBodyBytes: number;
  #lingering: Lingering | null = null;

  constructor(
    context: WorkerContext,
    transport: Transport,
    { direction, connect }: Pick<ProxyListener, 'direction' | 'connect'>,
    caller: Caller,
    onClosed: (connection: Http1DownstreamConnection) => void,
  ) {
    this.#context = context;
    this.#caller = caller;
    this.#head.takesConnect = connect;
    this.#onClosed = onClosed;
    const { bodyBytes } = context.limits;
    this.#mostBodyBytes = bodyBytes > 0 ? bodyBytes : Number.POSITIVE_INFINITY;
    this.#exchange = new Exchange(context, this, direction, caller, this.#head);
    this.#timer = new WheelTimer(() => this.#onDeadline());
    this.#out = context.out.of(this);
    this.#heads = new ReplyHeads(this.#out, direction === 'inbound');
    this.#transport = transport;
    this.#armTimer(context.limits.headTimeoutMs, false);
    transport.start(this);
  }

  get bufferBytes(): number {
    return this.#context.limits.bufferBytes;
  }

  get borrows(): boolean {
    return true;
  }

  get isBlocked(): boolean {
    return this.#transport.isBlocked;
  }

  /** Closes at once when idle, after the reply otherwise. */
  drain(): void {
    this.#closesAfterReply = true;
    if (this.#state === 'idle' && this.#held.length === 0) this.#linger();
  }

  /** A reply that is cut ends with a RST: without a length it would look whole behind a FIN (RFC 9112 §8). */
  destroy(): void {
    const isCut = this.#transport.unsentBytes > 0 || (this.#state === 'busy' && !this.#isReplyDone);
    if (isCut || this.#state === 'tunnel') return this.abort();
    this.#transport.destroy();
    this.onClosed();
  }

  onDrain(): void {
    this.#context.tick();
    this.#exchange.onDownstreamDrain();
    if (this.#state === 'idle' && this.#held.length > 0) this.#advance(this.#held);
  }

  /** Reads what came before this connection was known to speak HTTP/1. */
  readEarly(bytes: Buffer): void {
    this.#advance(bytes);
  }

  // --- what comes in ------------------------------------------------------------------------------------------------

  /** Returns false to be given no more until `resumeRequest`. */
  onRead(size: number): boolean {
    this.#context.tick();
    const { memory } = this.#transport;
    switch (this.#state) {
      case 'idle':
        this.#advance(
          this.#held.length === 0 ? this.#keep(size) : Buffer.concat([this.#held, memory.subarray(0, size)]),
        );
        break;
      case 'busy': {
        const chunk = memory.subarray(0, size);
        if (this.#body.isDone) this.#hold(Buffer.from(chunk));
        else this.#readBody(chunk, 0);
        if (size === memory.length && this.#exchange.borrowsRequest) this.#transport.takeMemory();
        break;
      }
      case 'tunnel':
        this.#exchange.onTunnelBytes(memory.subarray(0, size), this.#transport.hasOwnMemory);
        if (size === memory.length && this.#exchange.borrowsRequest) this.#transport.takeMemory();
        break;
      default:
        this.#lingering?.onRead();
    }
    return !this.#isPaused;
  }

  /**
   * Moves a request's beginning out of the memory that is read into, to memory that the connection uses for every request
   * of usual size. A caller's requests are mostly of one size, so the view of it is kept, too.
   */
  #keep(size: number): Buffer {
    const { memory } = this.#transport;
    if (size >= leastDirect) return Buffer.from(memory.subarray(0, size));
    if (this.#own.length < size) {
      this.#own = Buffer.allocUnsafeSlow(Math.max(512, 2 ** Math.ceil(Math.log2(size))));
      this.#ownView = nothing;
    }
    memory.copy(this.#own, 0, 0, size);
    if (this.#ownView.length !== size) this.#ownView = this.#own.subarray(0, size);
    return this.#ownView;
  }

  #hold(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#held.length > mostHeldBytes) this.pauseRequest();
  }

  /**
   * Begins the requests that are whole heads in `bytes`, one after the other, for as long as they are answered at once
   * and the caller takes the answers.
   */
  #advance(bytes: Buffer): void {
    this.#isAdvancing = true;
    this.#held = bytes;
    while (this.#state === 'idle' && this.#held.length > 0 && !this.isBlocked && this.#beginNext());
    this.#isAdvancing = false;
    if (this.#state !== 'idle') return;
    if (this.isBlocked && this.#held.length > 0) {
      this.pauseRequest();
      return this.#armTimer(this.#context.limits.keepAliveTimeoutMs, true);
    }
    if (this.#hasEnded) return this.#linger();
    if (this.#held.length === 0) this.#armTimer(this.#context.limits.keepAliveTimeoutMs, true);
    // However much is held: the head that it begins is what is waited for, and its size is bounded.
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#transport.resume();
  }

  /** Begins the request at the front of what is held; false when more bytes are needed. */
  #beginNext(): boolean {
    const bytes = this.#held;
    const head = this.#head;
    // One empty line before a request is left over from an old way of ending a body (RFC 9112 §2.2).
    const from = bytes.length >= 2 && bytes[0] === CR && bytes[1] === LF ? 2 : 0;
    const isCut = bytes.length === 1 && bytes[0] === CR;
    let verdict = isCut ? HeadVerdict.partial : readRequestHead(head, bytes, from, bytes.length, this.#context.limits);
    if (verdict === HeadVerdict.whole && head.guarded !== 0) verdict = admit(head, this.#caller);
    if (verdict === HeadVerdict.partial) {
      if (this.#timer.deadlineMs === Number.POSITIVE_INFINITY || this.#isKeepAlive)
        this.#armTimer(this.#context.limits.headTimeoutMs, false);
      return false;
    }
    this.#held = nothing;
    this.#context.wheel.disarm(this.#timer);
    this.#state = 'busy';
    this.#isReplyDone = false;
    if (verdict === HeadVerdict.refused) {
      this.#refuse(head.refusal, head.refusalDetail);
      return false;
    }
    if (head.contentLength > this.#mostBodyBytes) {
      this.#refuse('body_too_large', `more than ${this.#mostBodyBytes} bytes`);
      return false;
    }
    const keepsAlive =
      head.minorVersion === 1 ? !head.connectionClose : head.connectionKeepAlive && !head.connectionClose;
    this.#closesAfterReply = !keepsAlive || this.#context.isDraining || (this.#hasEnded && head.end === bytes.length);
    // Bytes behind a CONNECT that is refused were meant for its tunnel: they are no request.
    if (head.connectPort !== 0) this.#closesAfterReply = true;
    if (++this.#requests === this.#context.limits.requestsPerConnection) {
      this.#context.closings.count('downstream requests');
      this.#closesAfterReply = true;
    }
    if (head.isChunked) this.#body.begin(Framing.chunked, 0);
    else this.#body.begin(head.contentLength > 0 ? Framing.length : Framing.none, head.contentLength);
    const isWhole = this.#body.isDone;
    this.#exchange.begin(head, isWhole);
    if (isWhole) {
      if (head.end < bytes.length) this.#hold(bytes.subarray(head.end));
    } else if (head.end < bytes.length) this.#readBody(bytes, head.end);
    if (this.#hasEnded && !this.#body.isDone && !this.#isReplyDone) this.destroy(); // the rest cannot come any more
    this.#settle();
    return true;
  }

  #readBody(bytes: Buffer, from: number): void {
    const next = this.#body.read(bytes, from, bytes.length, this);
    if (next === -1) return this.#refuseBody('bad_request', 'the chunks of the body are broken');
    if (this.#body.received > this.#mostBodyBytes)
      return this.#refuseBody('body_too_large', `more than ${this.#mostBodyBytes} bytes`);
    if (!this.#isReplyDone) this.#exchange.flushRequest();
    if (next < bytes.length && this.#body.isDone) this.#hold(Buffer.from(bytes.subarray(next)));
    if (!this.#isAdvancing) this.#settle();
  }

  #refuseBody(code: ErrorCode, detail: string): void {
    if (this.#isReplyDone || !this.#exchange.refuse(code, detail)) this.destroy();
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    if (!this.#isReplyDone && this.#body.received <= this.#mostBodyBytes)
      this.#exchange.onRequestBody(bytes, from, to, this.#transport.hasOwnMemory && this.#body.goesOn);
  }

  onBodyEnd(trailers: Head | null): void {
    if (trailers !== null && this.#head.connectionNamesFields) dropListed(trailers, this.#head.header('connection')!);
    if (trailers !== null) admitTrailers(trailers, this.#caller);
    if (!this.#isReplyDone) this.#exchange.onRequestEnd(trailers);
  }

  // --- what goes out ------------------------------------------------------------------------------------------------

  sendInterim(head: ReplyHead): void {
    this.#heads.interim(head);
    this.flush();
  }

  sendHead(head: ReplyHead, hasBody: boolean): void {
    const isOld = this.#head.minorVersion === 0;
    const isOpen = hasBody && head.contentLength === noLength;
    this.#sendsChunks = isOpen && !isOld && !head.isEmpty;
    if (isOpen && isOld && !head.isEmpty) this.#closesAfterReply = true;
    // The rest of a body that the reply did not wait for cannot be told from the next request.
    if (!this.#body.isDone || this.#context.isDraining) this.#closesAfterReply = true;
    this.#heads.final(head, this.#framingOf(head, hasBody), this.#persistence);
  }

  #framingOf(head: ReplyHead, hasBody: boolean): ReplyFraming {
    if (!hasBody) return ReplyFraming.none;
    if (this.#sendsChunks) return ReplyFraming.chunked;
    return head.isEmpty && head.contentLength === noLength ? ReplyFraming.empty : ReplyFraming.length;
  }

  get #persistence(): Persistence {
    if (this.#closesAfterReply) return 'close';
    return this.#head.minorVersion === 0 ? 'keep-alive' : '';
  }

  sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    const out = this.#out;
    if (!this.#sendsChunks) return out.pass(this.#transport, bytes, from, to, isLasting);
    out.hex(to - from);
    out.constant(crlf);
    out.copy(bytes, from, to);
    out.constant(crlf);
  }

  sendEnd(trailers: Head | null): void {
    const out = this.#out;
    if (this.#sendsChunks) {
      out.constant(lastChunk);
      if (trailers === null) out.constant(crlf);
      else writeTrailers(out, trailers);
    }
    this.flush();
  }

  sendLocal(reply: LocalReply): void {
    if (this.#context.isDraining || !this.#canSkipBody()) this.#closesAfterReply = true;
    this.#heads.local(reply, this.#persistence, this.#head.method === 'HEAD');
    this.flush();
  }

  /** A short rest of a body is thrown away so that the connection stays; who waits for a 100 may send it or not. */
  #canSkipBody(): boolean {
    const { isDone, framing, missing } = this.#body;
    if (isDone) return true;
    return framing === Framing.length && missing <= mostSkippedBytes && !this.#head.has(FieldName.expect);
  }

  sendUpgrade(head: ReplyHead): void {
    this.#sendsChunks = false;
    this.#heads.upgrade(head);
    this.#beginTunnel();
  }

  sendTunnelOpen(): void {
    this.#heads.tunnelOpen();
    this.#beginTunnel();
  }

  #beginTunnel(): void {
    this.flush();
    this.#state = 'tunnel';
    const early = this.#held;
    this.#held = nothing;
    if (early.length > 0) this.#exchange.onTunnelBytes(early, false);
    if (this.#hasEnded) this.#exchange.onDownstreamTunnelEnd();
  }

  flush(): void {
    this.#out.flushTo(this.#transport);
  }

  endTunnel(): void {
    this.#transport.end(ignore);
  }

  pauseRequest(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#transport.pause();
  }

  resumeRequest(): void {
    if (!this.#isPaused || this.#held.length > mostHeldBytes) return;
    this.#isPaused = false;
    this.#transport.resume();
  }

  onExchangeComplete(): void {
    this.#isReplyDone = true;
    if (this.#state === 'tunnel') this.#closesAfterReply = true;
    if (!this.#isAdvancing) this.#settle();
  }

  abort(): void {
    this.#out.discard(); // what is put together was for this caller alone
    this.#transport.reset();
    this.onClosed();
  }

  /** A head or body that is refused: answered once, and the connection closes. */
  #refuse(code: ErrorCode, detail: string): void {
    this.#closesAfterReply = true;
    const reply = localReply(code, detail);
    this.#exchange.countRefusal(code, reply.status);
    this.sendLocal(inFormOf(this.#head, reply));
    this.#linger();
  }

  /** After a reply: on to the next request, or to the end. */
  #settle(): void {
    if (!this.#isReplyDone || this.#state === 'closed' || this.#state === 'lingering') return;
    const awaitsBody = !this.#body.isDone;
    if (this.#closesAfterReply || (awaitsBody && this.#hasEnded)) return this.#linger();
    if (awaitsBody) {
      // The rest of the body is on its way and thrown away; it has the time of a head.
      this.#armTimer(this.#context.limits.headTimeoutMs, false);
      return this.resumeRequest();
    }
    this.#state = 'idle';
    this.#head.bytes = nothing; // as large as a read, or a head: an idle connection need not hold it
    if (!this.#isAdvancing) this.#advance(this.#held);
  }

  // --- the connection's life --------------------------------------------------------------------------------------------

  /** 0 is no bound. */
  #armTimer(afterMs: number, isKeepAlive: boolean): void {
    this.#isKeepAlive = isKeepAlive;
    if (afterMs === 0) this.#context.wheel.disarm(this.#timer);
    else this.#context.wheel.arm(this.#timer, this.#context.now() + afterMs);
  }

  #onDeadline(): void {
    if (this.#state === 'busy' && this.#isReplyDone) return this.#closeStalled();
    if (this.#state !== 'idle') return;
    if (this.#held.length === 0) {
      this.#context.closings.count('downstream idle');
      return this.#linger();
    }
    if (this.isBlocked) return this.#closeStalled();
    this.#state = 'busy';
    this.#head.reset(nothing, 0);
    this.#body.begin(Framing.none, 0);
    this.#refuse('request_head_timeout', '');
  }

  /** The caller neither reads nor sends, and the connection can serve nothing else. */
  #closeStalled(): void {
    this.#context.closings.count('downstream stalled');
    this.destroy();
  }

  /** The caller sends no more. The requests that are whole are still answered (RFC 9112 §9.6). */
  onEnd(): void {
    this.#hasEnded = true;
    switch (this.#state) {
      case 'tunnel':
        return this.#exchange.onDownstreamTunnelEnd();
      case 'lingering':
        return this.#lingering?.onEnd();
      case 'idle':
        if (!this.isBlocked || this.#held.length === 0) this.#linger(); // what is written still has to leave
        return;
      default:
        if (!this.#body.isDone) return this.#isReplyDone ? this.#linger() : this.destroy();
        if (this.#context.limits.halfClose === 'cancel' && !this.#isReplyDone) return this.destroy();
        if (this.#held.length === 0) this.#closesAfterReply = true;
    }
  }

  #linger(): void {
    this.#state = 'lingering';
    this.#held = nothing;
    this.#isPaused = false;
    this.#context.wheel.remove(this.#timer);
    this.#lingering = new Lingering(this.#context, this.#transport, this.#hasEnded, () => this.destroy());
  }

  onClosed(): void {
    if (this.#state === 'closed') return;
    this.#context.tick();
    this.#state = 'closed';
    this.#held = nothing;
    this.#context.wheel.remove(this.#timer);
    this.#lingering?.stop();
    this.#transport.destroy();
    this.#exchange.onDownstreamClosed();
    this.#onClosed(this);
  }
}
