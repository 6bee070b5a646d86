import { FieldName } from '../message/field-name.ts';
import type { Head } from '../message/head.ts';
import type { RequestHead } from '../message/request-head.ts';

/** What calls of gRPC say in fields: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. */

const unknown = 2;
/** UNAUTHENTICATED. */
const lastStatus = 16;

/** Statuses that an instance is to blame for, and what HTTP calls the same (grpc/doc/http-grpc-status-mapping.md). */
const blamed: Readonly<Record<number, number>> = { 2: 500, 4: 504, 8: 503, 13: 500, 14: 503, 15: 500 };

/** Statuses that a policy may have tried again, as its `retry.on` calls them. */
export const retriableStatuses: Readonly<Record<string, number>> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
};

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** The time a caller gives its call, in ms, or null when it gives none, or none that can be read. */
export function grpcTimeoutMs(head: RequestHead): number | null {
  if (head.grpcTimeoutField === -1) return null;
  const match = /^([0-9]{1,8})([HMSmun])$/.exec(head.valueAt(head.grpcTimeoutField));
  return match === null ? null : Math.max(1, Number(match[1]) * unitMs[match[2]!]!);
}

/**
 * Status of a call, from the field at a place of a head or trailer section; -1 when it is none. One that gRPC does not have
 * counts as UNKNOWN.
 */
export function grpcStatusAt(head: Head, field: number): number {
  const value = field === -1 ? '' : head.valueAt(field);
  if (!/^[0-9]{1,2}$/.test(value)) return -1;
  return Number(value) > lastStatus ? unknown : Number(value);
}

/** Status of a call in its trailer section; -1 when it is not there. */
export function grpcStatusIn(trailers: Head | null): number {
  return trailers === null ? -1 : grpcStatusAt(trailers, trailers.firstOf(FieldName.grpcStatus));
}

/** How a status counts for the instance that gave it, as an HTTP status. */
export function httpStatusOf(grpcStatus: number): number {
  return blamed[grpcStatus] ?? 200;
}
