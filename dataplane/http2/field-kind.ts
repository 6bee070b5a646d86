import { FieldName, fieldNameAt, hashSeed, hashStep, oddFieldNameAt } from '../message/field-name.ts';
import { COLON, HTAB, isValueByte, nameLower, SP, tokenLower } from '../message/grammar.ts';

/**
 * What a field of a header block is, found out once when it is literal or enters a table: the number of its name, or one
 * of these beyond all names.
 */
export const FieldKind = {
  /** From here on: no regular field. */
  special: 64,
  method: 64,
  scheme: 65,
  authority: 66,
  path: 67,
  status: 68,
  protocol: 69,
  /** A pseudo-header field that is not known (RFC 9113 §8.3). */
  unknownPseudo: 70,
  /** A name with capitals or other bytes than those of a token, or a value with a byte that must not be there (§8.2.1). */
  malformed: 71,
  /** A field of one connection, which has no meaning here (§8.2.2). */
  forbidden: 72,
} as const;

const pseudos: Readonly<Record<string, number>> = {
  ':method': FieldKind.method,
  ':scheme': FieldKind.scheme,
  ':authority': FieldKind.authority,
  ':path': FieldKind.path,
  ':status': FieldKind.status,
  ':protocol': FieldKind.protocol,
};

const isForbidden = new Uint8Array(FieldKind.special);
for (const name of [
  FieldName.connection,
  FieldName.keepAlive,
  FieldName.proxyConnection,
  FieldName.transferEncoding,
  FieldName.upgrade,
])
  isForbidden[name] = 1;

const trailersText = Buffer.from('trailers', 'latin1');

/** Kind of the field "name: value" that begins at `at`. */
export function classifyField(line: Buffer, at: number, nameLength: number, valueLength: number): number {
  const nameEnd = at + nameLength;
  if (nameLength === 0 || !isValue(line, nameEnd + 2, nameEnd + 2 + valueLength)) return FieldKind.malformed;
  if (line[at] === COLON) return pseudos[line.toString('latin1', at, nameEnd)] ?? FieldKind.unknownPseudo;
  let hash = hashSeed;
  let isOdd = false;
  for (let i = at; i < nameEnd; i++) {
    const byte = line[i]!;
    if (tokenLower[byte] !== byte || byte === 0) return FieldKind.malformed;
    if (nameLower[byte] === 0) isOdd = true;
    hash = hashStep(hash, byte);
  }
  const name = isOdd ? oddFieldNameAt(line, at, nameEnd) : fieldNameAt(line, at, nameEnd, hash);
  if (isForbidden[name] === 1) return FieldKind.forbidden;
  if (name === FieldName.te && !isTrailers(line, nameEnd + 2, valueLength)) return FieldKind.forbidden;
  return name;
}

/** RFC 9113 §8.2.1: field-content of RFC 9110 §5.5, without white space around it. */
function isValue(bytes: Buffer, from: number, to: number): boolean {
  if (from === to) return true;
  const first = bytes[from]!;
  const last = bytes[to - 1]!;
  if (first === SP || first === HTAB || last === SP || last === HTAB) return false;
  for (let i = from; i < to; i++) if (isValueByte[bytes[i]!] === 0) return false;
  return true;
}

function isTrailers(bytes: Buffer, from: number, length: number): boolean {
  return length === trailersText.length && trailersText.compare(bytes, from, from + length) === 0;
}
