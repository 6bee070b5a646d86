import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { H2Code } from '../../shared/http2/frame.ts';

/** What an instance means by giving up a stream before its reply is whole (RFC 9113 §7). */
export function failureOf(code: H2Code): ErrorCode {
  switch (code) {
    case H2Code.refusedStream:
      return 'upstream_refused';
    case H2Code.cancel:
      return 'upstream_cancelled';
    case H2Code.enhanceYourCalm:
      return 'upstream_exhausted';
    case H2Code.inadequateSecurity:
      return 'upstream_insecure';
    default:
      return 'upstream_aborted';
  }
}

/** How a caller is told that its reply, which has begun, cannot be completed. */
export function resetCodeOf(cause: ErrorCode): H2Code {
  switch (cause) {
    case 'upstream_cancelled':
    case 'request_timeout':
      return H2Code.cancel;
    case 'upstream_exhausted':
      return H2Code.enhanceYourCalm;
    case 'upstream_insecure':
      return H2Code.inadequateSecurity;
    case 'upstream_refused':
      return H2Code.refusedStream;
    default:
      return H2Code.internalError;
  }
}
