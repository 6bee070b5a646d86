import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { Head } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { Downstream } from './downstream.ts';
import { Exchange } from './exchange.ts';
import type { MirrorRoom } from './mirror-room.ts';
import type { MirrorResult } from './mirror-stats.ts';
import type { MirrorTarget } from './mirror-target.ts';
import type { MirroredRequest } from './mirrored-request.ts';
import { ReplyDigest } from './reply-digest.ts';
import { WaitingBody } from './waiting-body.ts';

/** One copy of a request: the caller of an exchange of its own, who throws the reply away. */
export class Mirror implements Downstream {
  readonly isBlocked = false;
  readonly borrows = false;
  readonly target: MirrorTarget;
  /** Of the reply; null when it is not compared. */
  readonly digest: ReplyDigest | null;
  isOver = false;
  readonly #request: MirroredRequest;
  readonly #room: MirrorRoom;
  readonly #exchange: Exchange;
  readonly #body = new WaitingBody();
  #hasBegun = false;
  /** Who takes the copy wants no more of it for now. */
  #isPaused = false;
  #hasEnded = false;
  /** Why the copy is to be broken off; null while it is not. */
  #breaksFor: MirrorResult | null = null;
  #result: MirrorResult = 'sent';

  /** The place in the room is taken already. */
  constructor(request: MirroredRequest, target: MirrorTarget, trace: TraceContext, context: WorkerContext) {
    this.target = target;
    this.digest = target.compares ? new ReplyDigest() : null;
    this.#request = request;
    this.#room = context.mirrorRoom;
    this.#exchange = new Exchange(context, this, 'outbound', request.caller, request.head);
    this.#exchange.trace.copyFrom(trace);
    this.#exchange.ruleName = target.name;
  }

  // --- from the request that is copied; nothing is sent before `advance` ----------------------------------------------

  take(bytes: Buffer, from: number, to: number): void {
    if (this.isOver || this.#breaksFor !== null) return;
    if (this.#room.tryKeep(to - from, this.#body.bytes)) this.#body.add(bytes, from, to);
    else this.#breakOff('overflow');
  }

  cancel(): void {
    if (!this.isOver && this.#breaksFor === null) this.#breakOff('cancelled');
  }

  #breakOff(result: MirrorResult): void {
    this.#breaksFor = result;
    this.#dropBody();
  }

  /** Sends what has come, as far as it is taken. */
  advance(): void {
    if (this.isOver) return;
    if (this.#breaksFor !== null) return this.#finish(this.#breaksFor);
    while (!this.#isPaused && this.#body.bytes > 0) this.#sendPiece(this.#body.take()!);
    if (this.#request.isWhole && this.#body.bytes === 0 && !this.#hasEnded) {
      this.#hasEnded = true;
      this.#exchange.onRequestEnd(this.#request.trailers);
    }
    if (this.#hasBegun) return;
    // What is here of the body waits in the exchange, so that it leaves together with the head.
    this.#hasBegun = true;
    this.#exchange.beginCopy(this.target.backend);
  }

  #sendPiece(piece: Buffer): void {
    this.#room.free(piece.length);
    this.#exchange.onRequestBody(piece, 0, piece.length, true);
    this.#exchange.flushRequest();
  }

  #dropBody(): void {
    this.#room.free(this.#body.bytes);
    this.#body.drop();
  }

  /** Also lets the timer of the exchange go, or the exchange itself if it is not over. */
  #finish(result: MirrorResult): void {
    this.isOver = true;
    this.#dropBody();
    this.#room.leave();
    this.#exchange.onDownstreamClosed();
    this.target.stats.onRequest(result);
    this.#request.compareWith(this);
  }

  // --- from its exchange ----------------------------------------------------------------------------------------------

  pauseRequest(): void {
    this.#isPaused = true;
  }

  resumeRequest(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#request.awaitTurn();
  }

  sendHead(head: ReplyHead): void {
    this.digest?.onHead(head);
  }

  sendBody(bytes: Buffer, from: number, to: number): void {
    this.digest?.onBody(bytes, from, to);
  }

  sendEnd(trailers: Head | null): void {
    this.digest?.onEnd(trailers);
  }

  sendLocal(): void {
    this.#result = 'failed';
  }

  onExchangeComplete(): void {
    this.#finish(this.#result);
  }

  abort(): void {
    this.#finish('failed');
  }

  sendInterim(): void {
    // Nobody waits for it.
  }

  flush(): void {
    // Nothing is written.
  }

  sendUpgrade(): void {
    throw new Error('a copy asks for no other protocol');
  }

  sendTunnelOpen(): void {
    throw new Error('a copy is no CONNECT');
  }

  endTunnel(): void {
    throw new Error('a copy has no tunnel');
  }
}
