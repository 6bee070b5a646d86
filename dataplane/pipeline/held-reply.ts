import type { ReplyHead } from '../message/reply-head.ts';
import type { Flushable } from '../transport/write-batch.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

/** How long the head of a gRPC reply waits for what follows it: a caller may want it before it sends more. */
export const mostHoldMs = 20;

/** Whom a reply is passed on to that is held no longer. */
export type ReplyTaker = {
  /** It leaves with the next flush. */
  takeHeldReply(head: ReplyHead, hasBody: boolean, pieces: readonly Buffer[]): void;
  /** Writes out what was taken. */
  flushReply(): boolean;
};

/**
 * The beginning of a gRPC reply that may still turn out to be a failure worth another try: the caller sees nothing of it
 * until that is known, or until it would wait too long or too much would have to be kept.
 */
export class HeldReply implements Flushable {
  readonly #context: WorkerContext;
  readonly #taker: ReplyTaker;
  #head: ReplyHead | null = null;
  #hasBody = false;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(context: WorkerContext, taker: ReplyTaker) {
    this.#context = context;
    this.#taker = taker;
  }

  /** `head` must stay as it is. */
  begin(head: ReplyHead, hasBody: boolean): void {
    this.#head = head;
    this.#hasBody = hasBody;
  }

  add(bytes: Buffer, from: number, to: number): void {
    if (this.#bytes === 0) this.#context.batch.add(this);
    this.#pieces.push(Buffer.from(bytes.subarray(from, to)));
    this.#bytes += to - from;
    if (this.#bytes > this.#context.limits.replayBytes) this.release();
  }

  /** Passes it on; from here on it goes the usual way of replies. */
  release(): void {
    const head = this.#head!;
    const pieces = this.#pieces;
    this.drop();
    this.#taker.takeHeldReply(head, this.#hasBody, pieces);
  }

  /** The same when nothing follows that would write it out: what is put together must not wait for the next message. */
  releaseAlone(): void {
    this.release();
    this.#taker.flushReply();
  }

  /** The turn in which its first bytes came is over; called by the batch. */
  flush(): void {
    if (this.#bytes > 0) this.releaseAlone();
  }

  drop(): void {
    this.#head = null;
    if (this.#pieces.length > 0) this.#pieces = [];
    this.#bytes = 0;
  }
}
