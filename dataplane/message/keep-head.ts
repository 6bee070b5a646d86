import type { FieldName } from './field-name.ts';
import { Head } from './head.ts';
import { ReplyHead } from './reply-head.ts';

/** Bytes of a field line beside its name and value. */
export const fieldOverhead = 4;

/** A copy of a head's fields that stays, for one whose bytes are only good during a call. */
export function keepHead(head: Head): Head {
  const kept = new Head();
  kept.copyFrom(head);
  return kept;
}

/** The same for a reply's head; one that is shared stays anyway. */
export function keepReplyHead(head: ReplyHead): ReplyHead {
  if (head.sharedId !== 0) return head;
  const kept = new ReplyHead();
  kept.copyFrom(head);
  return kept;
}

/** A copy of a reply's head with one field more. */
export function withField(head: ReplyHead, name: FieldName, text: string, value: string): ReplyHead {
  const copy = new ReplyHead();
  copy.copyFrom(head, text.length + value.length + fieldOverhead);
  appendField(copy, name, text, value);
  return copy;
}

/** Adds a field line to a head that has room for it: its name, its value and `fieldOverhead`. */
export function appendField(head: Head, name: FieldName, text: string, value: string): void {
  const start = head.end - 2;
  const valueStart = start + text.length + 2;
  head.bytes.write(`${text}: ${value}\r\n\r\n`, start, 'latin1');
  head.addField(name, start, start + text.length, valueStart, valueStart + value.length);
  head.end = valueStart + value.length + 4;
}
