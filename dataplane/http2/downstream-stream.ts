import { type ErrorCode, errorTable } from '../../shared/errors/error-table.ts';
import { H2Code } from '../../shared/http2/frame.ts';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import type { Caller } from '../message/caller.ts';
import { grpcTrailers } from '../message/grpc-status.ts';
import { admitTrailers } from '../message/guarded-fields.ts';
import { type Head, noLength } from '../message/head.ts';
import { grpcReply, inFormOf, type LocalReply, localReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { RequestHead } from '../message/request-head.ts';
import type { Downstream } from '../pipeline/downstream.ts';
import { Exchange } from '../pipeline/exchange.ts';
import { HeldBody } from '../pipeline/held-body.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { FrameWriter } from './frame-writer.ts';
import { encodeLocalReply, encodeTunnelOpen, type ReplyEncoder } from './reply-encoder.ts';
import { resetCodeOf } from './reset-codes.ts';
import { Stream } from './stream.ts';

/** A head of up to this size keeps its memory for the next one. */
const mostKeptBytes = 4096;
const noHead = new RequestHead();

/** The connection that a stream belongs to. */
export type StreamHost = {
  /** Request and reply are whole, and everything of the reply is written. */
  complete(stream: Http2DownstreamStream): void;
  giveUp(stream: Http2DownstreamStream, code: H2Code): void;
  /** The same for something that the caller did, and cannot do as often as it likes (CVE-2025-8671). */
  giveUpForFault(stream: Http2DownstreamStream, code: H2Code): void;
  resumeStream(stream: Http2DownstreamStream): void;
  /** Something of the reply has to wait. */
  watchQueue(): void;
};

/** One request that came over HTTP/2, and the way of its reply back. Used again for later requests of its connection. */
export class Http2DownstreamStream extends Stream implements Downstream {
  readonly #context: WorkerContext;
  readonly #host: StreamHost;
  readonly #writer: FrameWriter;
  readonly #exchange: Exchange;
  readonly #replies: ReplyEncoder;
  readonly #caller: Caller;
  readonly #mostBodyBytes: number;
  #ownHead: RequestHead | null = null;
  #head = noHead;
  #bodyBytes = 0;
  /** The request has been handed on, so that what follows it may be, too. */
  #isServed = false;
  #isReplyDone = false;
  /** Waits for a tunnel, or is one. */
  #tunnel: 'none' | 'wanted' | 'open' = 'none';
  /** What came for a tunnel before it was open. */
  #early: HeldBody | null = null;

  constructor(
    context: WorkerContext,
    host: StreamHost,
    writer: FrameWriter,
    replies: ReplyEncoder,
    direction: ProxyListener['direction'],
    caller: Caller,
  ) {
    super();
    this.#context = context;
    this.#host = host;
    this.#writer = writer;
    this.#caller = caller;
    this.#replies = replies;
    this.#exchange = new Exchange(context, this, direction, caller, noHead);
    const { bodyBytes } = context.limits;
    this.#mostBodyBytes = bodyBytes > 0 ? bodyBytes : Number.POSITIVE_INFINITY;
  }

  /** The head that is read for this stream, unless a known one takes its place. */
  get ownHead(): RequestHead {
    this.#ownHead ??= new RequestHead();
    return this.#ownHead;
  }

  /** Others use the head, too, from now on. */
  giveHeadAway(): void {
    this.#ownHead = null;
  }

  begin(id: number, sendWindow: number, receiveWindow: number, isWhole: boolean): void {
    this.open(id, sendWindow, receiveWindow);
    this.hasReceivedEnd = isWhole;
    this.#bodyBytes = 0;
    this.#isServed = this.#isReplyDone = false;
    this.#tunnel = 'none';
    this.#early = null;
  }

  // --- the request ----------------------------------------------------------------------------------------------------

  serve(head: RequestHead): void {
    this.#head = head;
    if (head.contentLength !== noLength) this.bodyLeft = head.contentLength;
    if (head.contentLength > this.#mostBodyBytes) return this.#refuseBody();
    this.#isServed = true;
    if (head.connectPort !== 0 || head.upgradeField !== -1) {
      this.#tunnel = 'wanted';
      this.isReadPaused = true; // what comes before it is open is bounded by the window
      return this.#exchange.begin(head, true);
    }
    this.#exchange.begin(head, this.hasReceivedEnd);
  }

  /** Answers a request that is not served. */
  refuse(head: RequestHead, code: ErrorCode, detail: string): void {
    this.#head = head;
    const reply = localReply(code, detail);
    this.countRefusal(code, reply.status);
    this.sendLocal(inFormOf(head, reply));
    this.onExchangeComplete();
  }

  countRefusal(code: ErrorCode, status: number): void {
    this.#exchange.countRefusal(code, status);
  }

  #refuseBody(): void {
    const detail = `more than ${this.#mostBodyBytes} bytes`;
    if (!this.#isServed) return this.refuse(this.#head, 'body_too_large', detail);
    if (!this.#exchange.refuse('body_too_large', detail)) this.#host.giveUpForFault(this, H2Code.cancel);
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    if (this.#isReplyDone) return;
    if (this.#tunnel === 'open') return this.#exchange.onTunnelBytes(bytes.subarray(from, to), false);
    if (this.#tunnel === 'wanted') return this.#holdEarly(bytes, from, to);
    this.#bodyBytes += to - from;
    if (this.#bodyBytes > this.#mostBodyBytes) return this.#refuseBody();
    this.#exchange.onRequestBody(bytes, from, to, false);
    this.#exchange.flushRequest();
  }

  #holdEarly(bytes: Buffer, from: number, to: number): void {
    this.#early ??= new HeldBody(0);
    this.#early.add(bytes, from, to);
  }

  onTrailers(trailers: Head): void {
    admitTrailers(trailers, this.#caller);
    this.onBodyEnd(trailers);
  }

  onBodyEnd(trailers: Head | null): void {
    if (this.#isReplyDone) return this.#completeWhenSent();
    if (this.#tunnel === 'open') return this.#exchange.onDownstreamTunnelEnd();
    if (this.#tunnel === 'wanted') return;
    if (this.lacksBody) return this.#host.giveUpForFault(this, H2Code.protocolError);
    this.#exchange.onRequestEnd(trailers);
  }

  pauseRequest(): void {
    this.isReadPaused = true;
  }

  resumeRequest(): void {
    if (this.#tunnel !== 'wanted') this.#host.resumeStream(this);
  }

  // --- the reply ------------------------------------------------------------------------------------------------------

  /** What is put into frames is copied. */
  get borrows(): boolean {
    return false;
  }

  get isBlocked(): boolean {
    return this.isHeldUp;
  }

  sendInterim(head: ReplyHead): void {
    const out = this.#writer.openHeaders(this, false);
    this.#replies.encode(out, head);
    this.#writer.closeHeaders(out);
  }

  sendHead(head: ReplyHead, hasBody: boolean): void {
    const out = this.#writer.openHeaders(this, !hasBody || head.isEmpty);
    this.#replies.encode(out, head);
    this.#writer.closeHeaders(out);
  }

  sendBody(bytes: Buffer, from: number, to: number): void {
    this.#writer.data(this, bytes, from, to);
    if (this.hasQueued) this.#host.watchQueue();
  }

  sendEnd(trailers: Head | null): void {
    this.#writer.end(this, trailers);
  }

  sendLocal(reply: LocalReply): void {
    const own = this.#head.isGrpc ? grpcReply(reply, 'application/grpc') : reply;
    const { status, body } = own;
    const isBare = this.#head.method === 'HEAD' || status === 204 || status === 304 || body.length === 0;
    const out = this.#writer.openHeaders(this, isBare);
    encodeLocalReply(this.#writer.encoder, out, own);
    this.#writer.closeHeaders(out);
    if (isBare) return;
    this.sendBody(body, 0, body.length);
    this.sendEnd(null);
  }

  sendUpgrade(head: ReplyHead): void {
    const out = this.#writer.openHeaders(this, false);
    encodeTunnelOpen(this.#writer.encoder, out, head);
    this.#writer.closeHeaders(out);
    this.#openTunnel();
  }

  sendTunnelOpen(): void {
    const out = this.#writer.openHeaders(this, false);
    encodeTunnelOpen(this.#writer.encoder, out, null);
    this.#writer.closeHeaders(out);
    this.#openTunnel();
  }

  #openTunnel(): void {
    this.#tunnel = 'open';
    const early = this.#early;
    this.#early = null;
    if (early !== null) this.#exchange.onTunnelBytes(early.bytes, true);
    if (this.hasReceivedEnd) this.#exchange.onDownstreamTunnelEnd();
  }

  endTunnel(): void {
    this.#writer.end(this, null);
  }

  flush(): void {
    // Everything that is written leaves at the end of the turn.
  }

  override onUnblocked(): void {
    this.#context.tick();
    this.#exchange.onDownstreamDrain();
  }

  // --- endings --------------------------------------------------------------------------------------------------------

  onExchangeComplete(): void {
    this.#isReplyDone = true;
    this.#completeWhenSent();
  }

  override onEndSent(): void {
    if (this.#isReplyDone) this.#host.complete(this);
  }

  #completeWhenSent(): void {
    if (this.hasSentEnd) this.#host.complete(this);
  }

  /** A gRPC caller can still be told why, behind what it has of the reply. */
  abort(cause: ErrorCode): void {
    if (!this.#head.isGrpc || this.#tunnel !== 'none') return this.#host.giveUp(this, resetCodeOf(cause));
    this.#writer.end(this, grpcTrailers(errorTable[cause].grpc, errorTable[cause].text));
    this.onExchangeComplete();
  }

  /** Not after a tunnel: its instance may still have to take what the caller has said. */
  get isReusable(): boolean {
    return this.#tunnel === 'none';
  }

  /** Waits for the next request, without what only a large one has needed. */
  rest(): void {
    if (this.#ownHead !== null && this.#ownHead.bytes.length > mostKeptBytes) this.#ownHead = null;
    this.#head = noHead;
  }

  /** The stream is no more, or will not be used again: nothing may hold it. */
  onGone(): void {
    this.#isReplyDone = true;
    this.#exchange.onDownstreamClosed();
  }
}
