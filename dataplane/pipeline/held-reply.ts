import type { ReplyHead } from '../message/reply-head.ts';

/**
 * The beginning of a gRPC reply that may still turn out to be a failure worth another try: the caller sees nothing of it
 * until that is known, or until it would wait too long or too much would have to be kept.
 */
export class HeldReply {
  head: ReplyHead | null = null;
  hasBody = false;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** `head` must stay as it is. */
  begin(head: ReplyHead, hasBody: boolean): void {
    this.head = head;
    this.hasBody = hasBody;
  }

  add(bytes: Buffer, from: number, to: number): void {
    this.#pieces.push(Buffer.from(bytes.subarray(from, to)));
    this.#bytes += to - from;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hasBytes(): boolean {
    return this.#bytes > 0;
  }

  /** What was held of the body; nothing is held any more. */
  take(): readonly Buffer[] {
    const pieces = this.#pieces;
    this.drop();
    return pieces;
  }

  drop(): void {
    this.head = null;
    if (this.#pieces.length > 0) this.#pieces = [];
    this.#bytes = 0;
  }
}
