import type { RuleRetry } from '../../shared/resources/retry.ts';
import { durationMs } from '../../shared/time/duration.ts';
import { retriableStatuses } from '../pipeline/grpc.ts';
import type { RetrySettings } from '../pipeline/retry.ts';

const highestStatus = 599;
const none: ReadonlySet<number> = new Set();

export function retrySettings(retry: RuleRetry): RetrySettings {
  const on = new Set<string>(retry.on);
  const onAny5xx = on.has('5xx');
  return {
    attempts: retry.attempts,
    onConnectFailure: on.has('connect-failure') || onAny5xx,
    onRefusedStream: on.has('refused-stream') || onAny5xx,
    onReset: on.has('reset') || onAny5xx,
    onStale: (on.has('reset') || onAny5xx) && retry.attempts > 0,
    statuses: statusesOf(on, retry.statusCodes),
    fields: on.has('retriable-headers')
      ? retry.headers.map(({ name, value }) => ({ name: name.toLowerCase(), value: value ?? null }))
      : [],
    grpcStatuses: retry.attempts > 0 ? grpcStatusesOf(retry.on) : none,
    methods: new Set(retry.methods),
    backoffMs: durationMs(retry.backoff),
    maxBackoffMs: durationMs(retry.maxBackoff),
    maxRetryAfterMs: durationMs(retry.maxRetryAfter),
  };
}

function grpcStatusesOf(on: readonly string[]): ReadonlySet<number> {
  return new Set(on.map((condition) => retriableStatuses[condition] ?? -1).filter((code) => code !== -1));
}

function statusesOf(on: ReadonlySet<string>, listed: readonly number[]): Uint8Array {
  const statuses = new Uint8Array(highestStatus + 1);
  if (on.has('5xx')) statuses.fill(1, 500);
  if (on.has('gateway-error')) statuses.fill(1, 502, 505);
  if (on.has('retriable-4xx')) statuses[409] = 1;
  if (on.has('retriable-status-codes')) for (const status of listed) statuses[status] = 1;
  return statuses;
}
