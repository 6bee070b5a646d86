import type { RequestHead } from '../message/request-head.ts';
import { grpcTimeoutMs } from './grpc.ts';

/** What a request says of the way it has come: the time it has left, and whether it is another proxy's retry. */

/** The time that is left for a request, in ms, the shorter of what its fields say; null where they say nothing. */
export function callersTimeMs(head: RequestHead): number | null {
  const callMs = head.isGrpc ? grpcTimeoutMs(head) : null;
  if (head.deadlineField === -1) return callMs;
  const value = head.valueAt(head.deadlineField);
  if (!/^[0-9]{1,10}$/.test(value)) return callMs;
  return callMs === null ? Number(value) : Math.min(callMs, Number(value));
}

/** Which try of another proxy's a request is; 1 for the first, and for what cannot be read. */
export function attemptOf(head: RequestHead): number {
  const value = head.valueAt(head.attemptField);
  return /^[1-9][0-9]{0,2}$/.test(value) ? Number(value) : 1;
}
