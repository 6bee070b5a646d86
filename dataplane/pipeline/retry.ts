import { type ErrorCode, errorTable, isErrorCode } from '../../shared/errors/error-table.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';

/** Whether a try that failed may be made again, by its cause, the request and the settings; the budget comes later. */

export type RetrySettings = {
  readonly attempts: number;
  readonly onConnectFailure: boolean;
  readonly onRefusedStream: boolean;
  readonly onReset: boolean;
  /** A request that met an idle connection being closed goes out again. */
  readonly onStale: boolean;
  /** 1 for each status of a reply that asks for another try. */
  readonly statuses: Uint8Array;
  /** Fields of a reply that ask for another try. */
  readonly fields: readonly ReplyField[];
  /** Statuses of gRPC calls that are tried again, whatever the method. */
  readonly grpcStatuses: ReadonlySet<number>;
  /** Methods that may be tried again although the first try may have been executed. */
  readonly methods: ReadonlySet<string>;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** Longest pause that a reply may ask for. */
  readonly maxRetryAfterMs: number;
};

/** A field by its lower-case name; any value will do where that is null. */
export type ReplyField = { readonly name: string; readonly value: string | null };

const idempotencyKey = 'idempotency-key';

/**
 * Whether a request may be executed twice: its method says so (RFC 9110 §9.2.2), or its sender has given it a key by which
 * the second time is told from another request (draft-ietf-httpapi-idempotency-key-header).
 */
export function isIdempotent(head: RequestHead, retry: RetrySettings): boolean {
  return retry.methods.has(head.method) || head.placeOf(idempotencyKey) !== -1;
}

/** After a failure of ours: no connection, a reset, a timeout, a reply that is not HTTP. */
export function mayRetryFailure(code: ErrorCode, head: RequestHead, retry: RetrySettings): boolean {
  const safety = errorTable[code].retry;
  if (safety === 'always') return code === 'upstream_refused' ? retry.onRefusedStream : retry.onConnectFailure;
  return safety === 'if-idempotent' && retry.onReset && isIdempotent(head, retry);
}

/** After a reply; `reason` is what the next proxy said in `x-meshlane-reason`, if it was one. */
export function mayRetryReply(
  reply: ReplyHead,
  reason: ErrorCode | null,
  head: RequestHead,
  retry: RetrySettings,
): boolean {
  // It says that nothing reached its application, so any method may go again.
  if (reason !== null && errorTable[reason].retry === 'always') return mayRetryFailure(reason, head, retry);
  return asksForRetry(reply, retry) && isIdempotent(head, retry);
}

/** Whether the settings have replies like this one tried again. */
export function asksForRetry(reply: ReplyHead, { statuses, fields }: RetrySettings): boolean {
  return statuses[reply.status] === 1 || (fields.length > 0 && fields.some((field) => hasField(reply, field)));
}

function hasField(reply: ReplyHead, { name, value }: ReplyField): boolean {
  const actual = reply.header(name);
  return actual !== null && (value === null || actual === value);
}

/** One of our words, or null for anything else that stands in the field. */
export function reasonOf(word: string): ErrorCode | null {
  return isErrorCode(word) ? word : null;
}

/**
 * The pause before the next try, in ms. The first retry goes out at once, as it mostly goes elsewhere; after that
 * exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 */
export function pauseBeforeRetry(attempts: number, retry: RetrySettings): number {
  if (attempts === 1) return 0;
  return Math.random() * Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** (attempts - 1));
}
