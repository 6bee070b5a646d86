import { type ErrorCode, errorTable } from '../../shared/errors/error-table.ts';
import type { Fallback } from '../../shared/resources/policy.ts';

/** An answer that the proxy gives itself. Built when configuration changes, or once per error code. */
export type LocalReply = {
  readonly status: number;
  /** Goes out as `x-meshlane-reason`. */
  readonly reason: ErrorCode;
  readonly contentType: string;
  readonly body: Buffer;
};

const plainText = 'text/plain; charset=utf-8';

const replies = new Map<ErrorCode, LocalReply>();
for (const code of Object.keys(errorTable) as ErrorCode[])
  replies.set(code, {
    status: errorTable[code].http,
    reason: code,
    contentType: plainText,
    body: Buffer.from(`${errorTable[code].text}\n`),
  });

/** The reply of an error code, with what is particular to this case when there is something. */
export function localReply(code: ErrorCode, detail = ''): LocalReply {
  const reply = replies.get(code)!;
  return detail === '' ? reply : { ...reply, body: Buffer.from(`${errorTable[code].text} (${detail})\n`) };
}

/** The reply a user chose for when every breaker of a service is open. */
export function fallbackReply(fallback: Fallback): LocalReply {
  return {
    status: fallback.status,
    reason: 'breaker_open',
    contentType: fallback.contentType,
    body: Buffer.from(fallback.body),
  };
}
