import { FieldName } from './field-name.ts';
import { type WebType, webTypeOf } from './grpc-type.ts';
import { type Head, noLength } from './head.ts';
import { appendField, fieldOverhead } from './keep-head.ts';
import { ReplyHead } from './reply-head.ts';
import { RequestHead } from './request-head.ts';

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
  const copy = new RequestHead();
  copyWithType(copy, head, contentType);
  copy.isGrpc = true;
  copy.grpcWebField = -1;
  copy.isChunked = true;
  copy.takesTrailers = true;
  return copy;
}

export function asWebReply(head: ReplyHead, contentType: string): ReplyHead {
  const copy = new ReplyHead();
  copyWithType(copy, head, contentType);
  copy.isChunked = false;
  return copy;
}

/** Makes `copy` the head with one more field, in place of those that say something else. */
function copyWithType<H extends Head>(copy: H, head: H, contentType: string): void {
  copy.copyFrom(head, name.length + contentType.length + fieldOverhead);
  for (let i = 0; i < copy.fieldCount; i++) if (isReplaced(copy.names[i]!)) copy.names[i] = FieldName.removed;
  appendField(copy, FieldName.contentType, name, contentType);
  copy.contentLength = noLength;
}

function isReplaced(field: number): boolean {
  return field === FieldName.contentType || field === FieldName.contentLength || field === FieldName.transferEncoding;
}
