import { tokenLower } from './grammar.ts';

/**
 * The fields that the proxy itself looks at, each with a number. The parser hashes a name while it checks it, and only
 * a name whose hash is here is compared.
 */
export const FieldName = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  trailer: 8,
  upgrade: 9,
  expect: 10,
  http2Settings: 11,
  traceparent: 12,
  tracestate: 13,
  b3: 14,
  b3TraceId: 15,
  b3SpanId: 16,
  b3Sampled: 17,
  b3ParentSpanId: 18,
  b3Flags: 19,
  meshlaneReason: 20,
} as const;
export type FieldName = (typeof FieldName)[keyof typeof FieldName];

const spellings: readonly (readonly [string, FieldName])[] = [
  ['host', FieldName.host],
  ['content-length', FieldName.contentLength],
  ['transfer-encoding', FieldName.transferEncoding],
  ['connection', FieldName.connection],
  ['keep-alive', FieldName.keepAlive],
  ['proxy-connection', FieldName.proxyConnection],
  ['te', FieldName.te],
  ['trailer', FieldName.trailer],
  ['upgrade', FieldName.upgrade],
  ['expect', FieldName.expect],
  ['http2-settings', FieldName.http2Settings],
  ['traceparent', FieldName.traceparent],
  ['tracestate', FieldName.tracestate],
  ['b3', FieldName.b3],
  ['x-b3-traceid', FieldName.b3TraceId],
  ['x-b3-spanid', FieldName.b3SpanId],
  ['x-b3-sampled', FieldName.b3Sampled],
  ['x-b3-parentspanid', FieldName.b3ParentSpanId],
  ['x-b3-flags', FieldName.b3Flags],
  ['x-meshlane-reason', FieldName.meshlaneReason],
];

const tableSize = 1024;
const byHash = new Uint8Array(tableSize);
const texts: Uint8Array[] = [new Uint8Array(0)];

/** One step of the hash over the lower-case bytes of a name. */
export const hashSeed = 7;
export function hashStep(hash: number, lower: number): number {
  return (Math.imul(hash, 31) + lower) | 0;
}

for (const [text, name] of spellings) {
  const bytes = Buffer.from(text, 'latin1');
  let hash = hashSeed;
  for (const byte of bytes) hash = hashStep(hash, byte);
  const slot = hash & (tableSize - 1);
  if (byHash[slot] !== 0)
    throw new Error(`field names ${text} and number ${byHash[slot]} share a hash; enlarge the table`);
  byHash[slot] = name;
  texts[name] = bytes;
}

/** The number of the field whose name stands at `from..to`; `hash` is that of its lower-case bytes. */
export function fieldNameAt(bytes: Uint8Array, from: number, to: number, hash: number): FieldName {
  const name = byHash[hash & (tableSize - 1)]! as FieldName;
  if (name === FieldName.other) return name;
  const text = texts[name]!;
  if (text.length !== to - from) return FieldName.other;
  for (let i = 0; i < text.length; i++) if (tokenLower[bytes[from + i]!] !== text[i]) return FieldName.other;
  return name;
}

/** Fields that belong to one connection and never travel on (RFC 9110 §7.6.1), and those the proxy writes anew. */
export const isHopByHop = new Uint8Array(32);
for (const name of [
  FieldName.contentLength,
  FieldName.transferEncoding,
  FieldName.connection,
  FieldName.keepAlive,
  FieldName.proxyConnection,
  FieldName.te,
  FieldName.upgrade,
  FieldName.http2Settings,
])
  isHopByHop[name] = 1;
