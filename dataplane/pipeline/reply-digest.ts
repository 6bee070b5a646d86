import type { Head } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import { grpcStatusAt, grpcStatusIn } from './grpc.ts';
import type { ComparisonResult } from './mirror-stats.ts';

/** Bytes of a body that are looked at. */
const mostBytes = 1_048_576;

/** Of one reply what it takes to tell whether another one is the same, without keeping its body. */
export class ReplyDigest {
  /** 0 while there is none, and for a reply that no instance gave. */
  status = 0;
  /** -1 for a reply that has none. */
  grpcStatus = -1;
  bytes = 0;
  isWhole = false;
  /**
   * FNV-1a's step over all bytes in two lanes of 32 bits: 2 ms for the longest body. Two bodies that differ by accident
   * look the same once in 2^64 times; node:crypto would do better against malice, and cost every worker 5 MB.
   */
  #low = 0x811c9dc5 | 0;
  #high = 0x9747b28c | 0;

  onHead(head: ReplyHead): void {
    this.status = head.status;
    this.grpcStatus = grpcStatusAt(head, head.grpcStatusField);
  }

  onBody(bytes: Buffer, from: number, to: number): void {
    this.bytes += to - from;
    if (this.isTooLarge) return;
    let low = this.#low;
    let high = this.#high;
    for (let i = from; i < to; i++) {
      low = Math.imul(low ^ bytes[i]!, 0x01000193);
      high = Math.imul(high ^ bytes[i]!, 0x85ebca6b);
      high = (high << 13) | (high >>> 19);
    }
    this.#low = low;
    this.#high = high;
  }

  onEnd(trailers: Head | null): void {
    this.isWhole = true;
    const status = grpcStatusIn(trailers);
    if (status !== -1) this.grpcStatus = status;
  }

  get isTooLarge(): boolean {
    return this.bytes > mostBytes;
  }

  hasSameBody(other: ReplyDigest): boolean {
    return this.bytes === other.bytes && this.#low === other.#low && this.#high === other.#high;
  }
}

/** How two replies that are over compare. */
export function compareReplies(one: ReplyDigest, other: ReplyDigest): ComparisonResult {
  if (!one.isWhole || !other.isWhole) return 'incomplete';
  if (one.status !== other.status) return 'status';
  if (one.grpcStatus !== other.grpcStatus) return 'grpc_status';
  if (one.isTooLarge && one.bytes === other.bytes) return 'too_large';
  return one.hasSameBody(other) ? 'same' : 'body';
}
