import type { Head } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';

const tooManyRequests = 429;
/** Above this a number of seconds is a moment: no reply asks for a pause of thirty years. */
const firstMomentSeconds = 1e9;

/**
 * The pause that a reply asks for before the next request, in ms and 0 when it asks for none: Retry-After (RFC 9110
 * §10.2.3), for gRPC its pushback (gRFC A6), and for 429 when the limit is reset, be it in seconds or as a moment. Infinity
 * where no further try is wanted at all.
 */
export function retryAfterMs(reply: ReplyHead, wallNowMs: number): number {
  const pushback = pushbackMs(reply);
  if (pushback > 0) return pushback;
  const retryAfter = reply.header('retry-after');
  if (retryAfter !== null) return pauseUntil(retryAfter, wallNowMs);
  if (reply.status !== tooManyRequests) return 0;
  return pauseUntil(reply.header('x-ratelimit-reset') ?? '', wallNowMs);
}

/** The pause that the fields of a gRPC reply ask for, before or after its messages. What is no number asks for no further try. */
export function pushbackMs(fields: Head): number {
  const pushback = fields.header('grpc-retry-pushback-ms');
  if (pushback === null) return 0;
  return /^[0-9]{1,10}$/.test(pushback) ? Number(pushback) : Number.POSITIVE_INFINITY;
}

/** `value` is a number of seconds, a number that is a moment, or a date. */
function pauseUntil(value: string, wallNowMs: number): number {
  const isNumber = /^[0-9]{1,10}$/.test(value);
  if (isNumber && Number(value) < firstMomentSeconds) return Number(value) * 1000;
  const momentMs = isNumber ? Number(value) * 1000 : Date.parse(value);
  return Number.isNaN(momentMs) ? 0 : Math.max(0, momentMs - wallNowMs);
}
