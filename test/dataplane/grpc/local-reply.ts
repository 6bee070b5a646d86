import type { Test } from 'tap';
import { type ErrorCode, errorTable } from '../../../shared/errors/error-table.ts';
import { fieldOf } from '../../harness/grpc/fields.ts';
import type { CallEnd } from '../../harness/grpc/wire-client.ts';

/** Checks that a call was answered by the proxy itself, as gRPC wants it: trailers only. */
export function checkLocalReply(t: Test, end: CallEnd, code: ErrorCode): void {
  t.ok(end.isTrailersOnly, 'one HEADERS frame, which ends the stream');
  const trailers = end.trailers ?? new Map();
  t.equal(fieldOf(trailers, ':status'), '200');
  t.equal(fieldOf(trailers, 'content-type'), 'application/grpc');
  t.equal(end.status, errorTable[code].grpc, `grpc-status of ${code}`);
  t.equal(fieldOf(trailers, 'x-meshlane-reason'), code);
  t.match(fieldOf(trailers, 'grpc-message'), /^([ -$&-~]|%[0-9A-F]{2})+$/, 'grpc-message is percent-encoded');
  t.ok(end.text.startsWith(errorTable[code].text), end.text);
}
