import type { RuleRetry } from '../../../shared/resources/retry.ts';
import { durationMs } from '../../../shared/time/duration.ts';
import type { Message } from '../codec.ts';
import type { ClientKind } from './client-kind.ts';
import { field, listField, milliseconds, wrapped } from './values.ts';

/** Conditions under which nothing was executed, or its outcome is known: any method may be tried again. */
const safe: ReadonlySet<string> = new Set([
  'connect-failure',
  'refused-stream',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
]);

/**
 * Tries again as a rule or a policy says, as far as xDS can: it has one list of methods for all conditions, so calls of
 * gRPC, which are all POST, get the conditions that are safe for every method, and other requests only our methods. Null
 * where nothing is to be said.
 */
export function retryPolicy(
  retry: RuleRetry,
  perTryMs: number,
  { isGrpc, client }: { readonly isGrpc: boolean; readonly client: ClientKind },
): Message | null {
  const on = isGrpc && !retry.methods.includes('POST') ? retry.on.filter((one) => safe.has(one)) : retry.on;
  const perTry = field('per_try_timeout', perTryMs === 0 ? null : milliseconds(perTryMs));
  if (retry.attempts === 0 || on.length === 0)
    return perTryMs === 0 || client === 'grpc' ? null : { num_retries: wrapped(0), ...perTry };
  const baseMs = Math.max(1, durationMs(retry.backoff));
  return {
    retry_on: on.join(','),
    num_retries: wrapped(retry.attempts),
    ...perTry,
    retry_back_off: {
      base_interval: milliseconds(baseMs),
      max_interval: milliseconds(Math.max(baseMs, durationMs(retry.maxBackoff))),
    },
    ...listField('retriable_status_codes', retry.statusCodes),
    ...listField('retriable_headers', retry.headers.map(headerMatch)),
    ...listField('retriable_request_headers', isGrpc ? [] : mayBeRepeated(retry)),
  };
}

function headerMatch({ name, value }: { readonly name: string; readonly value?: string }): Message {
  const lower = name.toLowerCase();
  return value === undefined ? { name: lower, present_match: true } : { name: lower, string_match: { exact: value } };
}

/** Any of them is enough. */
function mayBeRepeated({ methods }: RuleRetry): Message[] {
  const ofMethod = methods.map((method) => ({ name: ':method', string_match: { exact: method } }));
  return [...ofMethod, { name: 'idempotency-key', present_match: true }];
}
