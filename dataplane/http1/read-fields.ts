import { fieldNameAt, hashSeed, hashStep, oddFieldNameAt } from '../message/field-name.ts';
import { COLON, CR, HTAB, isValueByte, LF, nameLower, SP, tokenLower } from '../message/grammar.ts';
import { type Head, type HeadLimits, HeadVerdict } from '../message/head.ts';

/**
 * Reads the field lines from `at` to the empty line. Refused are: bare CR or LF, NUL and other controls, obs-fold,
 * white space before the colon, names that are no tokens (RFC 9112 §5, RFC 9110 §5.5).
 */
export function readFields(head: Head, at: number, to: number, limits: HeadLimits): HeadVerdict {
  const bytes = head.bytes;
  head.fieldsStart = at;
  for (;;) {
    if (at >= to) return HeadVerdict.partial;
    const first = bytes[at]!;
    if (first === CR) {
      if (at + 1 >= to) return HeadVerdict.partial;
      if (bytes[at + 1] !== LF) return head.refuse('bad_request', 'a CR without LF in the head');
      head.end = at + 2;
      return HeadVerdict.whole;
    }
    if (first === SP || first === HTAB) return head.refuse('bad_request', 'a field line that is folded');
    if (head.fieldCount === limits.headerCount)
      return head.refuse('head_too_large', `more than ${limits.headerCount} fields`);

    const nameStart = at;
    let hash = hashSeed;
    let lower = nameLower[first]!;
    while (lower !== 0) {
      hash = hashStep(hash, lower);
      if (++at >= to) return HeadVerdict.partial;
      lower = nameLower[bytes[at]!]!;
    }
    const isOdd = bytes[at] !== COLON;
    if (isOdd) {
      while (at < to && tokenLower[bytes[at]!] !== 0) at++;
      if (at >= to) return HeadVerdict.partial;
    }
    const nameEnd = at;
    if (bytes[at] !== COLON || nameEnd === nameStart)
      return head.refuse('bad_request', 'a field name that is not a token');
    at++;
    while (at < to && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    const valueStart = at;
    while (at < to && isValueByte[bytes[at]!] === 1) at++;
    if (at >= to) return HeadVerdict.partial;
    if (bytes[at] !== CR) return head.refuse('bad_request', 'a control character in a field value');
    if (at + 1 >= to) return HeadVerdict.partial;
    if (bytes[at + 1] !== LF) return head.refuse('bad_request', 'a CR without LF in the head');
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    const name = isOdd ? oddFieldNameAt(bytes, nameStart, nameEnd) : fieldNameAt(bytes, nameStart, nameEnd, hash);
    head.addField(name, nameStart, nameEnd, valueStart, valueEnd);
    at += 2;
  }
}
