import { noKey } from '../cluster/balancer/balancer.ts';
import { hashBytes } from '../cluster/hashing/murmur3.ts';
import { hashOfSource, hashOfValue } from '../cluster/hashing/request-hash.ts';
import type { Caller } from '../message/caller.ts';
import { FieldName } from '../message/field-name.ts';
import type { Head } from '../message/head.ts';
import type { RequestHead } from '../message/request-head.ts';

/** The hash of what decides where a request goes, or `noKey` when the request does not have it. */
export type HashKey = (head: RequestHead, caller: Caller) => number;

const equals = 61;
const semicolon = 59;
const space = 32;

/** What a request is hashed on, once for all requests: a field or a cookie by its name, or one of these two. */
export function hashKey(on: { header: string } | { cookie: string } | 'source' | 'path'): HashKey {
  if (on === 'path') return ({ bytes, pathStart, pathEnd }) => hashBytes(bytes, pathStart, pathEnd);
  if (on === 'source') return hashOfSource;
  if ('cookie' in on) {
    const name = Buffer.from(on.cookie, 'latin1');
    return (head) => hashOfCookie(head, name);
  }
  const name = on.header.toLowerCase();
  return (head) => hashOfValue(head, head.placeOf(name));
}

function hashOfCookie(head: Head, name: Buffer): number {
  for (let i = 0; i < head.fieldCount; i++) {
    if (head.names[i] !== FieldName.cookie) continue;
    const hash = hashOfCrumb(head.bytes, head.offsets[i * 4 + 2]!, head.offsets[i * 4 + 3]!, name);
    if (hash !== noKey) return hash;
  }
  return noKey;
}

/** The value of a cookie among `a=1; b=2` (RFC 6265 §4.2.1). */
function hashOfCrumb(bytes: Buffer, start: number, end: number, name: Buffer): number {
  let from = start;
  while (from < end) {
    let to = from;
    while (to < end && bytes[to] !== semicolon) to++;
    while (from < to && bytes[from] === space) from++;
    const equalsAt = from + name.length;
    if (equalsAt < to && bytes[equalsAt] === equals && bytes.compare(name, 0, name.length, from, equalsAt) === 0)
      return hashBytes(bytes, equalsAt + 1, to);
    from = to + 1;
  }
  return noKey;
}
