import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import { openTransport } from '../../shared/transport/open.ts';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import { dropListed, type Head, HeadVerdict, isOffered, noLength } from '../message/head.ts';
import { ReplyHead } from '../message/reply-head.ts';
import { ascii, leastDirect, type OutBuffer } from '../transport/out-buffer.ts';
import type { Pool, PooledConnection } from '../upstream/pool.ts';
import type { UpstreamRequest } from '../upstream/upstream-connection.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { BodyReader, type BodySink, Framing } from './body-reader.ts';
import { writeRequestHead, writeTrailers } from './head-writer.ts';
import { readReplyHead } from './read-reply-head.ts';

const crlf = ascii('\r\n');
const lastChunk = ascii('0\r\n');
const mostInterims = 16;
const ignore = () => undefined;

/** Reply heads are used up within the callback that read them, so all connections share one. */
const replyHead = new ReplyHead();

type State = 'connecting' | 'idle' | 'head' | 'body' | 'tunnel' | 'closed';

/** The client side of HTTP/1.1: one connection to an endpoint, one request at a time. */
export class Http1UpstreamConnection implements PooledConnection, BodySink, TransportOwner {
  readonly #context: WorkerContext;
  readonly #out: OutBuffer;
  readonly #pool: Pool;
  #transport: Transport;
  readonly #timer: WheelTimer;
  readonly #body = new BodyReader();
  readonly #bornMs: number;
  #state: State = 'connecting';
  #request: UpstreamRequest | null = null;
  /** Bytes of a reply head that is not whole yet. */
  #partial: Buffer | null = null;
  #trailers: Head | null = null;
  /** Connection field of the reply when it lists fields that must not travel on, its trailers among them; else null. */
  #listed: string | null = null;
  #interims = 0;
  /** Chunks are written, because the request came in chunks. */
  #sendsChunks = false;
  #isRequestSent = false;
  #keepsAlive = true;
  #hasEnded = false;
  #isReadPaused = false;
  /** Requests begun. */
  #requests = 0;

  constructor(context: WorkerContext, pool: Pool) {
    this.#context = context;
    this.#out = context.out.of(this);
    this.#pool = pool;
    this.#bornMs = context.now();
    this.#timer = new WheelTimer(() => this.#onDeadline());
    const { address, port } = pool.endpoint;
    this.#transport = openTransport(
      { host: address, port },
      context.transportKind,
      (transport) => this.#onConnect(transport),
      () => this.onClosed(),
    );
    const { connectTimeoutMs } = pool.settings;
    if (connectTimeoutMs > 0) context.wheel.arm(this.#timer, this.#bornMs + connectTimeoutMs);
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

  isUsable(nowMs: number): boolean {
    if (this.#state !== 'idle' || this.#hasEnded) return false;
    const { maxLifetimeMs, maxRequests } = this.#pool.settings;
    if (maxLifetimeMs > 0 && nowMs - this.#bornMs >= maxLifetimeMs) return this.#isUsedUp('upstream lifetime');
    if (maxRequests > 0 && this.#requests >= maxRequests) return this.#isUsedUp('upstream requests');
    return true;
  }

  #isUsedUp(closing: 'upstream lifetime' | 'upstream requests'): false {
    this.#context.closings.count(closing);
    return false;
  }

  rest(idleTimeoutMs: number): void {
    if (idleTimeoutMs > 0) this.#context.wheel.arm(this.#timer, this.#context.now() + idleTimeoutMs);
  }

  close(): void {
    this.onClosed();
  }

  abort(): void {
    this.#out.discard(); // what is put together was for this instance alone
    this.#request = null;
    // Without framing of ours a FIN would look like the end that the caller wanted.
    if (this.#state === 'tunnel') this.#transport.reset();
    this.close();
  }

  // --- request ------------------------------------------------------------------------------------------------------

  begin(request: UpstreamRequest): void {
    const out = this.#out;
    const { wheel } = this.#context;
    wheel.disarm(this.#timer);
    this.#request = request;
    this.#requests++;
    this.#state = 'head';
    this.#partial = null;
    this.#trailers = null;
    this.#interims = 0;
    this.#isRequestSent = false;
    if (request.head.connectPort !== 0) {
      this.#state = 'tunnel';
      return request.onTunnelOpen();
    }
    this.#sendsChunks = request.head.isChunked;
    writeRequestHead(out, request);
    if (request.heldBody.length > 0) this.#writeHeld(request.heldBody);
    if (request.isRequestWhole) this.#writeEnd(request.requestTrailers);
    out.flushTo(this.#transport);
  }

  /** A small body leaves together with the head. */
  #writeHeld(body: Buffer): void {
    if (body.length < leastDirect) return this.#writeBody(body, 0, body.length);
    this.#out.flushTo(this.#transport);
    this.sendBody(body, 0, body.length, false);
    this.flushRequest();
  }

  /** What does not last is copied, so that a slow endpoint holds no more of a caller's memory than what it still has to take. */
  sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    if (this.#sendsChunks && this.#state !== 'tunnel') this.#writeBody(bytes, from, to);
    else this.#out.pass(this.#transport, bytes, from, to, isLasting);
  }

  flushRequest(): void {
    this.#out.flushTo(this.#transport);
  }

  sendEnd(trailers: Head | null): void {
    this.#writeEnd(trailers);
    this.#out.flushTo(this.#transport);
  }

  #writeBody(bytes: Buffer, from: number, to: number): void {
    const out = this.#out;
    if (!this.#sendsChunks) return out.copy(bytes, from, to);
    out.hex(to - from);
    out.constant(crlf);
    out.copy(bytes, from, to);
    out.constant(crlf);
  }

  #writeEnd(trailers: Head | null): void {
    this.#isRequestSent = true;
    if (!this.#sendsChunks) return;
    const out = this.#out;
    out.constant(lastChunk);
    if (trailers === null) out.constant(crlf);
    else writeTrailers(out, trailers);
  }

  endTunnel(): void {
    this.#transport.end(ignore);
  }

  resumeReply(): void {
    if (!this.#isReadPaused) return;
    this.#isReadPaused = false;
    this.#transport.resume();
  }

  // --- reply --------------------------------------------------------------------------------------------------------

  /** Returns false to stop reading until `resumeReply`. */
  onRead(size: number): boolean {
    this.#context.tick();
    const { memory } = this.#transport;
    if (this.#state === 'tunnel') {
      this.#request!.onReplyBody(memory, 0, size, this.#transport.hasOwnMemory);
    } else if (this.#request === null) {
      this.#context.closings.count('upstream unasked');
      this.close(); // bytes that nobody asked for: whatever they are, they answer no request of ours
      return false;
    } else {
      this.#read(size);
    }
    const request = this.#request;
    if (size === memory.length && request?.borrowsReply) this.#transport.takeMemory();
    if (request === null || request.flushReply()) return true;
    this.#isReadPaused = true;
    return false;
  }

  #read(size: number): void {
    const { memory } = this.#transport;
    let bytes = memory;
    let to = size;
    if (this.#partial !== null) {
      bytes = Buffer.concat([this.#partial, memory.subarray(0, size)]);
      to = bytes.length;
      this.#partial = null;
    }
    let from = 0;
    while (this.#state === 'head' && from < to) {
      const verdict = readReplyHead(replyHead, bytes, from, to, this.#context.limits);
      if (verdict === HeadVerdict.partial) {
        this.#partial = Buffer.from(bytes.subarray(from, to));
        return;
      }
      if (verdict === HeadVerdict.refused) return this.#fail('upstream_protocol');
      from = replyHead.end;
      if (!this.#onHead(replyHead, from < to)) return;
    }
    if (this.#isTunnel && from < to) this.#request!.onReplyBody(bytes, from, to, false);
    if (this.#state !== 'body') return;
    from = this.#body.read(bytes, from, to, this);
    if (from === -1) return this.#fail('upstream_protocol');
    if (this.#body.isDone) this.#finish(from < to);
  }

  get #isTunnel(): boolean {
    return this.#state === 'tunnel';
  }

  /** Takes in a head; `hasMore` tells that bytes follow it. False when the connection no longer serves the request. */
  #onHead(head: ReplyHead, hasMore: boolean): boolean {
    const request = this.#request!;
    if (head.status < 200) return this.#onInterim(head, request);
    const hasBody = request.head.method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    this.#keepsAlive =
      head.minorVersion === 1 ? !head.connectionClose : head.connectionKeepAlive && !head.connectionClose;
    // Servers that declined an upgrade disagree on whether the connection still is one of requests: it takes no other.
    if (request.isUpgrade) this.#keepsAlive = false;
    this.#beginBody(head, hasBody);
    this.#state = 'body';
    if (request.onReplyHead(head, hasBody)) return true;
    // The request is tried again elsewhere: the connection is kept only if the unwanted reply has no body to wait for.
    this.#request = null;
    if (this.#body.isDone && !hasMore && this.#isRequestSent && this.#keepsAlive) this.#giveBack();
    else this.close();
    return false;
  }

  #onInterim(head: ReplyHead, request: UpstreamRequest): boolean {
    if (head.status === 101) {
      const { upgradeField } = request.head;
      const isWanted =
        request.isUpgrade &&
        head.upgradeField !== -1 &&
        isOffered(request.head.valueAt(upgradeField), head.valueAt(head.upgradeField));
      if (!isWanted) {
        this.#fail('upstream_protocol');
        return false;
      }
      this.#state = 'tunnel';
      request.onUpgrade(head);
      return true;
    }
    if (++this.#interims > mostInterims) {
      this.#fail('upstream_protocol');
      return false;
    }
    request.onInterim(head);
    return true;
  }

  #beginBody(head: ReplyHead, hasBody: boolean): void {
    if (!hasBody) this.#body.begin(Framing.none, 0);
    else if (head.isChunked) {
      this.#listed = head.connectionNamesFields ? head.header('connection') : null;
      this.#body.begin(Framing.chunked, 0);
    } else if (head.contentLength !== noLength) this.#body.begin(Framing.length, head.contentLength);
    else this.#body.begin(Framing.close, 0);
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    this.#request!.onReplyBody(bytes, from, to, this.#transport.hasOwnMemory && this.#body.goesOn);
  }

  onBodyEnd(trailers: Head | null): void {
    if (trailers !== null && this.#listed !== null) dropListed(trailers, this.#listed);
    this.#trailers = trailers;
  }

  /** The reply is whole; `hasMore` tells that bytes follow which nobody asked for. */
  #finish(hasMore: boolean): void {
    const request = this.#request!;
    this.#request = null;
    request.onReplyEnd(this.#trailers);
    if (this.#keepsAlive && this.#isRequestSent && !hasMore && this.#body.framing !== Framing.close) this.#giveBack();
    else this.close();
    request.onReplyDone();
  }

  get #hasRested(): boolean {
    return this.#requests > 1;
  }

  get #hasReplyBytes(): boolean {
    return this.#partial !== null || this.#interims > 0;
  }

  #giveBack(): void {
    this.#state = 'idle';
    this.resumeReply();
    this.#pool.release(this);
  }

  // --- the connection's life --------------------------------------------------------------------------------------------

  #onConnect(transport: Transport): void {
    this.#context.tick();
    this.#transport = transport;
    this.#context.wheel.disarm(this.#timer);
    this.#state = 'idle';
    transport.start(this);
    this.#pool.onConnected(this);
  }

  onDrain(): void {
    this.#request?.onUpstreamDrain();
  }

  onEnd(): void {
    this.#context.tick();
    this.#hasEnded = true;
    if (this.#state === 'tunnel') this.#request?.onTunnelEnd();
    else if (this.#state === 'body' && this.#body.endByClose(this)) this.#finish(false);
    else this.close();
  }

  #onDeadline(): void {
    // Only while connecting or resting: the exchange watches over everything else.
    if (this.#state === 'idle') this.#context.closings.count('upstream idle');
    if (this.#state === 'connecting' || this.#state === 'idle') this.close();
  }

  #fail(code: ErrorCode): void {
    const request = this.#request;
    this.#request = null;
    this.close();
    request?.onUpstreamFailure(code, false);
  }

  /** Runs once, however the connection came to its end. */
  onClosed(): void {
    if (this.#state === 'closed') return;
    this.#context.tick();
    const before = this.#state;
    this.#state = 'closed';
    this.#context.wheel.remove(this.#timer);
    this.#transport.destroy();
    if (before === 'connecting') this.#pool.onConnectFailed(this);
    this.#pool.onClosed(this);
    const request = this.#request;
    this.#request = null;
    if (request === null) return;
    if (before === 'tunnel' && this.#hasEnded) request.onReplyDone();
    else request.onUpstreamFailure('upstream_reset', before === 'head' && this.#hasRested && !this.#hasReplyBytes);
  }
}
