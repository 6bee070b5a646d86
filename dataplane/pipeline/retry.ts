import { type ErrorCode, errorTable, isErrorCode } from '../../shared/errors/error-table.ts';
import type { RetrySettings } from './rule.ts';

/** Whether a try that failed may be made again, by its cause, the method and the settings; the budget comes later. */

/** After a failure of ours: no connection, a reset, a timeout, a reply that is not HTTP. */
export function mayRetryFailure(code: ErrorCode, method: string, retry: RetrySettings): boolean {
  const safety = errorTable[code].retry;
  if (safety === 'always') return retry.onConnectFailure;
  return safety === 'if-idempotent' && retry.onReset && retry.methods.has(method);
}

/** After a 502, 503 or 504; `reason` is what the next proxy said in `x-meshlane-reason`, if it was one. */
export function mayRetryReply(reason: ErrorCode | null, method: string, retry: RetrySettings): boolean {
  return isUntouched(reason) ? retry.onConnectFailure : retry.onGatewayError && retry.methods.has(method);
}

/** The next proxy says that nothing reached its application, so any method may go again. */
function isUntouched(reason: ErrorCode | null): boolean {
  return reason !== null && errorTable[reason].retry === 'always';
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
