import { FieldName } from './field-name.ts';
import { type WebType, webTypeOf } from './grpc-type.ts';
import { type Head, noLength } from './head.ts';
import { copyReply, copyRequest } from './keep-head.ts';
import type { ReplyHead } from './reply-head.ts';
import type { RequestHead } from './request-head.ts';

/**
 * Heads of calls of gRPC-Web that go on as gRPC proper, and of the replies on their way back. Both are copies, since
 * others may use the head that came, and name no length, since the bodies change theirs.
 */

const name = 'content-type';

/** The form that a call is made in. */
export function webRequestType(head: RequestHead): WebType {
  return webTypeOf(head.valueAt(head.grpcWebField))!;
}

/** The form that its caller wants the reply in: Accept may name another one. */
export function webReplyType(head: RequestHead): WebType {
  return webTypeOf(head.header('accept') ?? '') ?? webRequestType(head);
}

export function asGrpcRequest(head: RequestHead, contentType: string): RequestHead {
  const copy = copyRequest(head, withLine(head, contentType));
  setType(copy, contentType);
  copy.readKnownFields();
  copy.readHost();
  copy.isChunked = true;
  copy.takesTrailers = true;
  return copy;
}

export function asWebReply(head: ReplyHead, contentType: string): ReplyHead {
  const copy = copyReply(head, withLine(head, contentType));
  setType(copy, contentType);
  copy.isChunked = false;
  return copy;
}

/** The bytes of a head with one more field line. */
function withLine(head: Head, contentType: string): Buffer {
  const line = Buffer.from(`${name}: ${contentType}\r\n\r\n`, 'latin1');
  return Buffer.concat([head.bytes.subarray(0, head.end - 2), line]);
}

/** Makes that line a field in place of those that say something else. */
function setType(copy: Head, contentType: string): void {
  for (let i = 0; i < copy.fieldCount; i++) if (isReplaced(copy.names[i]!)) copy.names[i] = FieldName.removed;
  const start = copy.end - 2;
  const valueStart = start + name.length + 2;
  copy.addField(FieldName.contentType, start, start + name.length, valueStart, valueStart + contentType.length);
  copy.end = copy.bytes.length;
  copy.contentLength = noLength;
}

function isReplaced(field: number): boolean {
  return field === FieldName.contentType || field === FieldName.contentLength || field === FieldName.transferEncoding;
}
