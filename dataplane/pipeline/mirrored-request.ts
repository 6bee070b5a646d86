import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { Caller } from '../message/caller.ts';
import { textAt } from '../message/grammar.ts';
import type { Head } from '../message/head.ts';
import { keepHead } from '../message/keep-head.ts';
import { asMirror } from '../message/mirror-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { Flushable } from '../transport/write-batch.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { DigestedReply } from './digested-reply.ts';
import type { Downstream } from './downstream.ts';
import type { Exchange } from './exchange.ts';
import { Mirror } from './mirror.ts';
import type { ComparisonResult } from './mirror-stats.ts';
import type { MirrorTarget } from './mirror-target.ts';
import { compareReplies, ReplyDigest } from './reply-digest.ts';

/** Characters of a path that a log line has. */
const mostPath = 256;

/**
 * A request that goes to mirrors as well, seen from its exchange, which only says what it has got. All that comes of it is
 * done at the end of the turn: then the request itself has left, and no bytes of another message are being put together.
 */
export class MirroredRequest implements Flushable {
  readonly head: RequestHead;
  readonly caller: Caller;
  /** The whole request has come. */
  isWhole: boolean;
  trailers: Head | null = null;
  readonly #context: WorkerContext;
  readonly #ruleName: string;
  readonly #mirrors: Mirror[] = [];
  /** The reply that the caller gets; null when none is compared with it. */
  #original: ReplyDigest | null = null;
  /** The exchange is over. */
  #isOver = false;
  #isInLine = false;

  constructor({ head, caller, isRequestWhole, ruleName }: Exchange, context: WorkerContext) {
    this.head = asMirror(head);
    this.caller = caller;
    this.isWhole = isRequestWhole;
    this.#ruleName = ruleName;
    this.#context = context;
  }

  add(target: MirrorTarget, trace: TraceContext): void {
    this.#mirrors.push(new Mirror(this, target, trace, this.#context));
    if (target.compares) this.#original ??= new ReplyDigest();
    this.awaitTurn();
  }

  /** Whom the exchange sends its reply to from now on. */
  watch(caller: Downstream): Downstream {
    return this.#original === null ? caller : new DigestedReply(caller, this.#original);
  }

  take(bytes: Buffer, from: number, to: number): void {
    for (const mirror of this.#mirrors) mirror.take(bytes, from, to);
    this.awaitTurn();
  }

  end(trailers: Head | null): void {
    this.isWhole = true;
    this.trailers = trailers === null ? null : keepHead(trailers);
    this.awaitTurn();
  }

  /** The caller is gone. */
  cancel(): void {
    for (const mirror of this.#mirrors) mirror.cancel();
    this.awaitTurn();
  }

  /** The exchange is over, so that nothing more of the request will come. */
  leave(): void {
    this.#isOver = true;
    if (!this.isWhole) this.cancel();
    for (const mirror of this.#mirrors) this.compareWith(mirror);
  }

  awaitTurn(): void {
    if (this.#isInLine) return;
    this.#isInLine = true;
    this.#context.batch.add(this);
  }

  flush(): void {
    this.#isInLine = false;
    this.#context.tick();
    for (const mirror of this.#mirrors) mirror.advance();
  }

  /** Compares the replies, once both are over; called when either is. */
  compareWith(mirror: Mirror): void {
    const original = this.#original;
    const { digest, target } = mirror;
    if (original === null || digest === null || !this.#isOver || !mirror.isOver) return;
    const result = compareReplies(original, digest);
    target.stats.onComparison(result);
    if (result === 'status' || result === 'grpc_status' || result === 'body')
      this.#logDifference(result, original, digest, target);
  }

  #logDifference(result: ComparisonResult, original: ReplyDigest, copy: ReplyDigest, target: MirrorTarget): void {
    const { mirrorRoom, now, onProblem } = this.#context;
    if (!mirrorRoom.tryLog(now())) return;
    const { bytes, method, pathStart, pathEnd } = this.head;
    const path = textAt(bytes, pathStart, Math.min(pathEnd, pathStart + mostPath));
    const replies = `${summaryOf(original)}, ${target.backend.cluster.service} ${summaryOf(copy)}`;
    onProblem('mirror differs', `rule ${this.#ruleName}, ${result}: ${replies}; ${method} ${path}`);
  }
}

function summaryOf({ status, grpcStatus, bytes }: ReplyDigest): string {
  return `${status}${grpcStatus === -1 ? '' : ` (gRPC ${grpcStatus})`} with ${bytes} bytes`;
}
