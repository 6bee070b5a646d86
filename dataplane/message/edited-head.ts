import type { FieldEdit } from './field-edit.ts';
import { FieldName } from './field-name.ts';
import { type Head, isListedByConnection } from './head.ts';
import type { ReplyHead } from './reply-head.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Copies of heads with other fields, path or host. Copies, since others may use the head that came, and a request that is
 * tried again must not be changed again. They are as every writer of heads expects: the field lines stand in one run, what
 * was taken out is marked as removed, and what is new stands behind the others.
 *
 *   request   host | method and target | field lines | new lines | empty line
 *   reply     status line              | field lines | new lines | empty line
 */

const leastBytes = 512;
/** A loop is quicker than a call for so few bytes. */
const smallCopy = 32;
const colon = Buffer.from(': ');
/** An empty line. */
const emptyLineBytes = 2;

/** Makes `copy` the head with these changes, and returns it. Null leaves path or host as it is; no path is given for `*`. */
export function editRequest(
  copy: RequestHead,
  head: RequestHead,
  edits: readonly FieldEdit[],
  path: string | null,
  host: string | null,
): RequestHead {
  copy.reset(copy.bytes, 0);
  copy.copyFacts(head);
  writeHost(copy, head, host);
  writeTarget(copy, head, path);
  takeLines(copy, head);
  // The authority of an absolute target stands for Host (RFC 9112 §3.2.2).
  if ((host !== null || head.isAbsolute) && copy.hostField !== -1) {
    copy.names[copy.hostField] = FieldName.removed;
    copy.hostField = -1;
  }
  applyEdits(copy, edits);
  return copy;
}

/** Makes `copy` the head of a reply to which edits can be applied. */
export function copyReply(copy: ReplyHead, head: ReplyHead): void {
  copy.reset(copy.bytes, 0);
  copy.copyFacts(head);
  append(copy, head.bytes, head.start, head.fieldsStart);
  copy.reasonStart = head.reasonStart - head.start;
  copy.reasonEnd = head.reasonEnd - head.start;
  takeLines(copy, head);
}

/** Changes the fields of a copy that was made here. */
export function applyEdits(copy: Head, edits: readonly FieldEdit[]): void {
  for (let i = 0; i < edits.length; i++) edit(copy, edits[i]!);
}

/** Up to the field lines, `end` of a copy is where its next bytes go. */
function writeHost(copy: RequestHead, head: RequestHead, host: string | null): void {
  append(copy, head.bytes, head.hostStart, head.hostEnd);
  copy.hostStart = 0;
  copy.hostEnd = copy.end;
  if (host === null) return;
  copy.askedHostEnd = copy.end;
  copy.hostStart = copy.end;
  appendText(copy, host);
  copy.hostEnd = copy.end;
}

/** In origin form, which an absolute target comes to when it goes on (RFC 9112 §3.2.1, §3.2.4). */
function writeTarget(copy: RequestHead, head: RequestHead, path: string | null): void {
  copy.start = copy.end;
  append(copy, head.bytes, head.start, head.start + head.method.length + 1);
  copy.targetStart = copy.pathStart = copy.end;
  if (path !== null) appendText(copy, path);
  else if (head.pathStart < head.pathEnd) append(copy, head.bytes, head.pathStart, head.pathEnd);
  else appendText(copy, head.pathEnd === head.targetEnd && head.method === 'OPTIONS' ? '*' : '/');
  copy.pathEnd = copy.end;
  append(copy, head.bytes, head.pathEnd, head.targetEnd);
  copy.targetEnd = copy.end;
}

/** Takes over the field lines, without those that Connection lists: what an edit puts in their place is not its caller's to remove. */
function takeLines(copy: Head, head: Head): void {
  const { offsets, names } = head;
  const shift = copy.end - head.fieldsStart;
  copy.fieldsStart = copy.end;
  append(copy, head.bytes, head.fieldsStart, head.end - emptyLineBytes);
  for (let i = 0; i < head.fieldCount; i++) {
    const at = i * 4;
    const isListed = head.connectionNamesFields && names[i] !== FieldName.host && isListedByConnection(head, i);
    const name = isListed ? FieldName.removed : (names[i] as FieldName);
    copy.addField(
      name,
      offsets[at]! + shift,
      offsets[at + 1]! + shift,
      offsets[at + 2]! + shift,
      offsets[at + 3]! + shift,
    );
  }
  copy.connectionNamesFields = false;
  copy.end += emptyLineBytes;
}

function edit(head: Head, change: FieldEdit): void {
  const { action, name } = change;
  let last = -1;
  if (action !== 'append')
    for (let i = 0; i < head.fieldCount; i++) {
      if (!head.isAt(i, name)) continue;
      if (action !== 'add') head.names[i] = FieldName.removed;
      last = i;
    }
  if (action === 'remove') return;
  if (action === 'add' && last !== -1) join(head, last, change);
  else addLine(head, change);
}

function addLine(head: Head, { number, name, line }: FieldEdit): void {
  const start = openLine(head);
  append(head, line, 0, line.length);
  closeLine(head, number, start, start + name.length);
}

/** Puts a line with both values in place of the one at `field`. */
function join(head: Head, field: number, { line, valueStart, separator }: FieldEdit): void {
  const { bytes, offsets, names } = head;
  const nameEnd = offsets[field * 4 + 1]!;
  const from = offsets[field * 4 + 2]!;
  const to = offsets[field * 4 + 3]!;
  const number = names[field] as FieldName;
  names[field] = FieldName.removed;
  if (head.neverIndexed?.includes(field)) head.neverIndexed = [...head.neverIndexed, head.fieldCount];
  const start = openLine(head);
  append(head, bytes, offsets[field * 4]!, nameEnd);
  const end = head.end;
  append(head, colon, 0, colon.length);
  if (from < to) {
    append(head, bytes, from, to);
    append(head, separator, 0, separator.length);
  }
  append(head, line, valueStart, line.length);
  closeLine(head, number, start, end);
}

/** The empty line makes room for another one. */
function openLine(head: Head): number {
  head.end -= emptyLineBytes;
  return head.end;
}

function closeLine(head: Head, number: FieldName, start: number, nameEnd: number): void {
  head.addField(number, start, nameEnd, nameEnd + 2, head.end - 2);
  head.end += emptyLineBytes;
}

function append(head: Head, source: Buffer, from: number, to: number): void {
  const { end } = head;
  const size = to - from;
  reserve(head, size);
  const { bytes } = head;
  if (size > smallCopy) source.copy(bytes, end, from, to);
  else for (let i = 0; i < size; i++) bytes[end + i] = source[from + i]!;
  head.end = end + size;
}

function appendText(head: Head, text: string): void {
  reserve(head, text.length);
  head.end += head.bytes.write(text, head.end, 'latin1');
}

function reserve(head: Head, size: number): void {
  const wanted = head.end + size + emptyLineBytes;
  if (wanted <= head.bytes.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(leastBytes, head.bytes.length * 2, wanted));
  head.bytes.copy(larger, 0, 0, head.end);
  head.bytes = larger;
}
