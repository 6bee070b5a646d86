import { nameLower, tokenLower } from './grammar.ts';

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
  maxForwards: 21,
  via: 22,
  contentType: 23,
  cookie: 24,
  grpcTimeout: 25,
  grpcStatus: 26,
  webSocketKey: 27,
  webSocketAccept: 28,
  /** Words of this mesh that anybody may say, since they can only make him be served less. */
  meshlaneDeadline: 29,
  meshlaneAttempt: 30,
  meshlaneTries: 31,
  // From here on: not everybody may say them (`guarded-fields.ts`).
  forwarded: 32,
  forwardedFor: 33,
  forwardedProto: 34,
  forwardedHost: 35,
  /** Any other `x-forwarded-...`, and what else tells the address of a caller. */
  forwardedOther: 36,
  /** What tells the identity of a caller. */
  clientIdentity: 37,
  /** Any other `x-meshlane-...`. */
  meshlane: 38,
  /** A name with "_". */
  underscored: 39,
  /** A name that CGI and its heirs cannot tell from one of the names above: `Content_Length`, `X.Forwarded.For`. */
  twin: 40,
  /** A field that does not travel on, and that nobody is to see. */
  removed: 41,
  /** A copy of a request, sent beside it. */
  meshlaneMirror: 42,
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
  ['x-meshlane-deadline-ms', FieldName.meshlaneDeadline],
  ['x-meshlane-attempt', FieldName.meshlaneAttempt],
  ['x-meshlane-tries', FieldName.meshlaneTries],
  ['x-meshlane-mirror', FieldName.meshlaneMirror],
  ['max-forwards', FieldName.maxForwards],
  ['via', FieldName.via],
  ['content-type', FieldName.contentType],
  ['cookie', FieldName.cookie],
  ['grpc-timeout', FieldName.grpcTimeout],
  ['grpc-status', FieldName.grpcStatus],
  ['sec-websocket-key', FieldName.webSocketKey],
  ['sec-websocket-accept', FieldName.webSocketAccept],
  ['forwarded', FieldName.forwarded],
  ['x-forwarded-for', FieldName.forwardedFor],
  ['x-forwarded-proto', FieldName.forwardedProto],
  ['x-forwarded-host', FieldName.forwardedHost],
  ['x-forwarded', FieldName.forwardedOther],
  ['x-real-ip', FieldName.forwardedOther],
  ['x-client-ip', FieldName.forwardedOther],
  ['x-cluster-client-ip', FieldName.forwardedOther],
  ['true-client-ip', FieldName.forwardedOther],
  ['x-forwarded-client-cert', FieldName.clientIdentity],
  ['client-cert', FieldName.clientIdentity], // RFC 9440
  ['client-cert-chain', FieldName.clientIdentity],
  ['l5d-client-id', FieldName.clientIdentity],
];

/** Names with these beginnings belong together. */
const forwardedFamily = Buffer.from('x-forwarded-', 'latin1');
const meshlaneFamily = Buffer.from('x-meshlane-', 'latin1');
const X = 120;
const F = 102;
const M = 109;

/** Room for a table with a place for each number. */
export const fieldNames = 48;

const tableSize = 1024;
/** Place in `texts` and `numbers`; 0 for none. */
const byHash = new Uint8Array(tableSize);
const texts: Uint8Array[] = [new Uint8Array(0)];
const numbers: FieldName[] = [FieldName.other];

/** One step of the hash over the lower-case bytes of a name. */
export const hashSeed = 7;
export function hashStep(hash: number, lower: number): number {
  return (Math.imul(hash, 31) + lower) | 0;
}

for (const [text, name] of spellings) {
  const bytes = Buffer.from(text, 'latin1');
  const slot = hashOf(bytes) & (tableSize - 1);
  if (byHash[slot] !== 0)
    throw new Error(`field names ${text} and number ${byHash[slot]} share a hash; enlarge the table`);
  byHash[slot] = texts.length;
  texts.push(bytes);
  numbers.push(name);
}

function hashOf(name: Uint8Array): number {
  let hash = hashSeed;
  for (const byte of name) hash = hashStep(hash, byte);
  return hash;
}

/** The number of the field whose name stands at `from..to`; `hash` is that of its lower-case bytes. */
export function fieldNameAt(bytes: Uint8Array, from: number, to: number, hash: number): FieldName {
  const place = byHash[hash & (tableSize - 1)]!;
  if (place !== 0) {
    const text = texts[place]!;
    if (to - from === text.length && isAt(bytes, from, text)) return numbers[place]!;
  }
  return (bytes[from]! | 32) === X ? familyAt(bytes, from) : FieldName.other;
}

/** Whose name is shorter has a byte that no name has where the beginning goes on. */
function familyAt(bytes: Uint8Array, from: number): FieldName {
  const third = bytes[from + 2]! | 32;
  if (third === F && isAt(bytes, from, forwardedFamily)) return FieldName.forwardedOther;
  if (third === M && isAt(bytes, from, meshlaneFamily)) return FieldName.meshlane;
  return FieldName.other;
}

function isAt(bytes: Uint8Array, from: number, text: Uint8Array): boolean {
  for (let i = 0; i < text.length; i++) if (tokenLower[bytes[from + i]!] !== text[i]) return false;
  return true;
}

const DASH = 45;
const UNDERSCORE = 95;

/**
 * The number of a name that has more than letters, digits and "-". RFC 3875 §4.1.18 turns "-" into "_" on the way into
 * a variable, and many servers do the same to all that is no letter or digit: behind them such a name is another's.
 */
export function oddFieldNameAt(bytes: Uint8Array, from: number, to: number): FieldName {
  const plain = new Uint8Array(to - from);
  for (let i = 0; i < plain.length; i++) plain[i] = nameLower[bytes[from + i]!] || DASH;
  if (fieldNameAt(plain, 0, plain.length, hashOf(plain)) !== FieldName.other) return FieldName.twin;
  return bytes.subarray(from, to).includes(UNDERSCORE) ? FieldName.underscored : FieldName.other;
}

/** Fields that belong to one connection and never travel on (RFC 9110 §7.6.1), and those the proxy writes anew. */
export const isHopByHop = new Uint8Array(fieldNames);
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
