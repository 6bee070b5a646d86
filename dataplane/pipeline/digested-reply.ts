import type { Head } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { Downstream } from './downstream.ts';
import { PassingDownstream } from './passing-downstream.ts';
import type { ReplyDigest } from './reply-digest.ts';

/** Takes the digest of the reply that passes. */
export class DigestedReply extends PassingDownstream {
  readonly #digest: ReplyDigest;

  constructor(caller: Downstream, digest: ReplyDigest) {
    super(caller);
    this.#digest = digest;
  }

  override sendHead(head: ReplyHead, hasBody: boolean): void {
    this.#digest.onHead(head);
    super.sendHead(head, hasBody);
  }

  override sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    this.#digest.onBody(bytes, from, to);
    super.sendBody(bytes, from, to, isLasting);
  }

  override sendEnd(trailers: Head | null): void {
    this.#digest.onEnd(trailers);
    super.sendEnd(trailers);
  }
}
