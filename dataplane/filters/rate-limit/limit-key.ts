import { hashOfSource, hashOfValue } from '../../cluster/hashing/request-hash.ts';
import type { Caller } from '../../message/caller.ts';
import type { RequestHead } from '../../message/request-head.ts';

/** The hash of what a limit tells requests apart by: 31 bits, or `noKey` when a request does not have it. */
export type LimitKey = (head: RequestHead, caller: Caller, seed: number) => number;

export function limitKey(by: 'caller' | { header: string }): LimitKey {
  if (by === 'caller') return hashOfSource;
  const name = by.header.toLowerCase();
  return (head, _, seed) => hashOfValue(head, head.placeOf(name), seed);
}
