import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { H2Code } from '../../shared/http2/frame.ts';
import { FieldName } from '../message/field-name.ts';
import { type Head, noLength } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { acceptOf, fieldValue } from '../message/web-socket.ts';
import type { UpstreamConnection, UpstreamRequest } from '../upstream/upstream-connection.ts';
import type { FrameWriter } from './frame-writer.ts';
import { failureOf } from './reset-codes.ts';
import { Stream } from './stream.ts';
import { switchHead } from './switch-head.ts';

const mostInterims = 16;

/** The connection that a stream belongs to. */
export type UpstreamHost = {
  /** Gives the stream a number and sends the head of its request. */
  open(stream: Http2UpstreamStream, request: UpstreamRequest): boolean;
  /** It is over on both sides. */
  done(stream: Http2UpstreamStream): void;
  giveUp(stream: Http2UpstreamStream, code: H2Code): void;
  resumeStream(stream: Http2UpstreamStream): void;
};

/** A tunnel is closing when its instance has ended. */
type State = 'idle' | 'head' | 'body' | 'tunnel' | 'closing';

/** One request on a connection that carries many. Used again for later requests of its connection. */
export class Http2UpstreamStream extends Stream implements UpstreamConnection {
  readonly #host: UpstreamHost;
  readonly #writer: FrameWriter;
  #request: UpstreamRequest | null = null;
  #state: State = 'idle';
  #interims = 0;
  /** In monotonic ms. */
  begunMs = 0;

  constructor(host: UpstreamHost, writer: FrameWriter) {
    super();
    this.#host = host;
    this.#writer = writer;
  }

  // --- the request ----------------------------------------------------------------------------------------------------

  begin(request: UpstreamRequest): void {
    this.#request = request;
    this.#state = 'head';
    this.#interims = 0;
    if (!this.#host.open(this, request)) return;
    if (request.heldBody.length > 0) this.sendBody(request.heldBody, 0, request.heldBody.length);
    if (request.isRequestWhole && !request.isUpgrade) this.sendEnd(request.requestTrailers);
  }

  /** Takes its place among the streams of the connection. */
  enter(id: number, sendWindow: number, receiveWindow: number, nowMs: number): void {
    this.open(id, sendWindow, receiveWindow);
    this.begunMs = nowMs;
  }

  get request(): UpstreamRequest | null {
    return this.#request;
  }

  /** A header block that comes now is the trailer section. */
  get awaitsTrailers(): boolean {
    return this.#state !== 'idle' && this.#state !== 'head';
  }

  /** What is put into frames is copied. */
  get borrows(): boolean {
    return false;
  }

  get isBlocked(): boolean {
    return this.isHeldUp;
  }

  sendBody(bytes: Buffer, from: number, to: number): void {
    this.#writer.data(this, bytes, from, to);
  }

  flushRequest(): void {
    // Everything that is written leaves at the end of the turn.
  }

  sendEnd(trailers: Head | null): void {
    this.#writer.end(this, trailers);
  }

  endTunnel(): void {
    this.#writer.end(this, null);
    this.#leaveTunnel();
  }

  override onUnblocked(): void {
    this.#request?.onUpstreamDrain();
  }

  override onEndSent(): void {
    this.#leaveTunnel(); // any other stream is ended by its reply
  }

  // --- the reply ------------------------------------------------------------------------------------------------------

  /** Takes in a reply's head, interim ones among them; `isEnd` tells that nothing follows. */
  onHead(head: ReplyHead, isEnd: boolean): void {
    const request = this.#request!;
    if (this.#state !== 'head') return this.#fail('upstream_protocol', H2Code.protocolError);
    if (head.status < 200) return this.#onInterim(head, request);
    if (request.isUpgrade && head.status < 300) return this.#onTunnelOpen(head, request, isEnd);
    const mayHaveBody = request.head.method !== 'HEAD' && head.status !== 204 && head.status !== 304;
    if (isEnd && mayHaveBody && head.contentLength > 0) return this.#fail('upstream_protocol', H2Code.protocolError);
    if (!mayHaveBody) this.bodyLeft = 0;
    else if (head.contentLength !== noLength) this.bodyLeft = head.contentLength;
    this.#state = 'body';
    if (!request.onReplyHead(head, mayHaveBody)) return this.#leave(isEnd);
    if (isEnd) this.#finish(null);
  }

  #onInterim(head: ReplyHead, request: UpstreamRequest): void {
    if (++this.#interims > mostInterims) return this.#fail('upstream_protocol', H2Code.enhanceYourCalm);
    request.onInterim(head);
  }

  /** A 2xx to an extended CONNECT is what HTTP/1.1 calls 101 (RFC 8441 §5). */
  #onTunnelOpen(head: ReplyHead, request: UpstreamRequest, isEnd: boolean): void {
    this.#state = 'tunnel';
    const key = fieldValue(request.head, FieldName.webSocketKey);
    request.onUpgrade(switchHead(head, key === null ? '' : acceptOf(key)));
    if (isEnd && this.#state === 'tunnel') this.#onTunnelEnd();
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    const request = this.#request!;
    if (this.#state === 'head') return this.#fail('upstream_protocol', H2Code.protocolError);
    request.onReplyBody(bytes, from, to, false);
    if (this.#request === request) this.flushReply();
  }

  /** Has what came of the reply leave. */
  flushReply(): void {
    if (this.#request?.flushReply() === false) this.isReadPaused = true;
  }

  onBodyEnd(trailers: Head | null): void {
    if (this.#state === 'tunnel') return this.#onTunnelEnd();
    if (this.#state === 'head' || this.lacksBody) return this.#fail('upstream_protocol', H2Code.protocolError);
    this.#finish(trailers);
  }

  #onTunnelEnd(): void {
    this.#state = 'closing';
    this.#request!.onTunnelEnd();
    this.#leaveTunnel();
  }

  /** A tunnel is over when both sides have ended, whichever was the last. */
  #leaveTunnel(): void {
    if (this.#state !== 'closing' || !this.hasSentEnd) return;
    const request = this.#request!;
    this.#release();
    this.#host.done(this);
    request.onReplyDone();
  }

  /** The reply is whole. What is left of the request is not wanted any more (RFC 9113 §8.1). */
  #finish(trailers: Head | null): void {
    const request = this.#request!;
    this.#release();
    request.onReplyEnd(trailers);
    if (this.hasSentEnd) this.#host.done(this);
    else this.#host.giveUp(this, H2Code.cancel);
    request.onReplyDone();
  }

  /** The reply is not wanted, since the request is tried again elsewhere. */
  #leave(isEnd: boolean): void {
    this.#release();
    if (isEnd && this.hasSentEnd) this.#host.done(this);
    else this.#host.giveUp(this, H2Code.cancel);
  }

  #release(): void {
    this.#request = null;
    this.#state = 'idle';
  }

  resumeReply(): void {
    this.#host.resumeStream(this);
  }

  // --- endings --------------------------------------------------------------------------------------------------------

  abort(): void {
    this.#release();
    this.#host.giveUp(this, H2Code.cancel);
  }

  #fail(failure: ErrorCode, code: H2Code): void {
    const request = this.#request!;
    this.#release();
    this.#host.giveUp(this, code);
    request.onUpstreamFailure(failure, false);
  }

  /** The instance made a mistake that concerns this stream alone. */
  onFault(code: H2Code): void {
    this.#fail('upstream_protocol', code);
  }

  /** The instance gave the stream up; the connection has forgotten it already. */
  onReset(code: H2Code): void {
    this.onLost(failureOf(code), false);
  }

  /** The stream is no more. `isStale` as for `UpstreamRequest.onUpstreamFailure`. */
  onLost(failure: ErrorCode, isStale: boolean): void {
    const request = this.#request;
    const wasClosing = this.#state === 'closing';
    this.#release();
    if (request === null) return;
    if (wasClosing && failure === 'upstream_reset') request.onReplyDone();
    else request.onUpstreamFailure(failure, isStale);
  }
}
