import type { Caller } from './caller.ts';
import { FieldName } from './field-name.ts';
import { Guard, guardOf } from './guard.ts';
import { type Head, HeadVerdict, isListedByConnection } from './head.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Fields that say who is behind a request, and names that another server could take for one of them. Whether a caller may
 * send them is decided here, before anything is routed by them; what may not stay is seen by nobody afterwards.
 */

/** A chain of addresses grows by one for each proxy. One of more bytes has gone in circles, or means no good. */
const mostChainBytes = 4096;

/** Takes from a head that has guarded fields what its caller may not say, or refuses it. */
export function admit(head: RequestHead, caller: Caller): HeadVerdict {
  if ((head.guarded & caller.refuses) !== 0)
    return head.refuse('bad_request', 'a field name that could be taken for another one');
  let chainBytes = 0;
  for (let i = 0; i < head.fieldCount; i++) {
    const name = head.names[i]!;
    const guard = guardOf[name]!;
    if (guard === 0) continue;
    if ((guard & caller.removes) !== 0 || (head.connectionNamesFields && isListedByConnection(head, i)))
      head.names[i] = FieldName.removed;
    else if (name === FieldName.forwarded && caller.isTrusted && !closesQuotes(head.valueAt(i)))
      head.names[i] = FieldName.removed;
    else if (name === FieldName.forwardedFor || name === FieldName.forwarded)
      chainBytes += head.offsets[i * 4 + 3]! - head.offsets[i * 4 + 2]!;
    else if (name === FieldName.via && caller.via !== null && names(head.valueAt(i), caller.via.name))
      return head.refuse('loop_detected', 'its Via names this listener');
  }
  if (caller.isTrusted && chainBytes > mostChainBytes)
    return head.refuse('head_too_large', `forwarded for more than ${mostChainBytes} bytes of addresses`);
  return HeadVerdict.whole;
}

/**
 * Takes guarded fields from a trailer section, whoever sent it: what decides about a request has to stand in its head
 * (RFC 9110 §6.5.1).
 */
export function admitTrailers(trailers: Head, caller: Caller): void {
  const kept = caller.removes & Guard.underscored ? 0 : Guard.underscored;
  for (let i = 0; i < trailers.fieldCount; i++)
    if ((guardOf[trailers.names[i]!]! & ~kept) !== 0) trailers.names[i] = FieldName.removed;
}

/** Tells whether a value of Via has a hop of this name (RFC 9110 §7.6.3). */
function names(value: string, hop: string): boolean {
  return value.split(',').some(
    (element) =>
      element
        .trim()
        .split(/[ \t]+/)[1]
        ?.toLowerCase() === hop,
  );
}

/** An open quote would swallow the element that is written behind it. */
function closesQuotes(value: string): boolean {
  return !value.includes('"') || /^(?:[^"]|"(?:[^"\\]|\\.)*")*$/.test(value);
}
