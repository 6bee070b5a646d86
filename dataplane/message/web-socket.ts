import { FieldName } from './field-name.ts';
import type { Head } from './head.ts';

/** Loaded by the first who needs it: 5 MB a worker. */
const crypto = () => process.getBuiltinModule('node:crypto');

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** A key of our own, for who asks in HTTP/2 and has none (RFC 6455 §4.1). */
export function newKey(): string {
  return crypto().randomBytes(16).toString('base64');
}

/** What a server answers to a key, to show that it speaks WebSocket (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return crypto().createHash('sha1').update(`${key}${guid}`).digest('base64');
}

/** Value of the first field of this name, or null. */
export function fieldValue(head: Head, name: FieldName): string | null {
  const field = head.firstOf(name);
  return field === -1 ? null : head.valueAt(field);
}

/** Whether a 101 answers the very request that asked for it (RFC 6455 §4.1). */
export function isAccepted(request: Head, reply: Head): boolean {
  const key = fieldValue(request, FieldName.webSocketKey);
  return key !== null && fieldValue(reply, FieldName.webSocketAccept) === acceptOf(key);
}
