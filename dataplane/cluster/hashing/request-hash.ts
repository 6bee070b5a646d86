import type { Caller } from '../../message/caller.ts';
import { FieldName } from '../../message/field-name.ts';
import type { Head } from '../../message/head.ts';
import type { RequestHead } from '../../message/request-head.ts';
import { noKey } from '../balancer/balancer.ts';
import { hashBytes } from './murmur3.ts';

const comma = 44;
const space = 32;

/** The hash of the value of a field by its place; `noKey` for none. */
export function hashOfValue(head: Head, field: number, seed = 0): number {
  return field === -1 ? noKey : hashBytes(head.bytes, head.offsets[field * 4 + 2]!, head.offsets[field * 4 + 3]!, seed);
}

/** The hash of the caller's address, or of the one that a trusted proxy in front of us says it had: the last in its field. */
export function hashOfSource(head: RequestHead, caller: Caller, seed = 0): number {
  const field = caller.isTrusted ? lastOf(head, FieldName.forwardedFor) : -1;
  if (field === -1) return hashBytes(caller.address, 0, caller.address.length, seed);
  const to = head.offsets[field * 4 + 3]!;
  let from = to;
  while (from > head.offsets[field * 4 + 2]! && head.bytes[from - 1] !== comma) from--;
  while (from < to && head.bytes[from] === space) from++;
  return hashBytes(head.bytes, from, to, seed);
}

function lastOf(head: Head, name: FieldName): number {
  for (let i = head.fieldCount - 1; i >= 0; i--) if (head.names[i] === name) return i;
  return -1;
}
