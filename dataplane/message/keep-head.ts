import type { FieldName } from './field-name.ts';
import { Head } from './head.ts';
import { ReplyHead } from './reply-head.ts';
import { RequestHead } from './request-head.ts';

/** A copy of a head's fields that stays, for one whose bytes are only good during a call. */
export function keepHead(head: Head): Head {
  return copyInto(new Head(), head, bytesOf(head));
}

/** The same for a reply's head; one that is shared stays anyway. */
export function keepReplyHead(head: ReplyHead): ReplyHead {
  if (head.sharedId !== 0) return head;
  return copyReply(head, bytesOf(head));
}

/** A copy of a reply's head that stands in `bytes`: there, all that is in its own stands at the same place. */
export function copyReply(head: ReplyHead, bytes: Buffer): ReplyHead {
  const copy = copyInto(new ReplyHead(), head, bytes);
  copy.status = head.status;
  copy.reasonStart = head.reasonStart;
  copy.reasonEnd = head.reasonEnd;
  copy.meshlaneReasonField = head.meshlaneReasonField;
  copy.grpcStatusField = head.grpcStatusField;
  copy.isEmpty = head.isEmpty;
  return copy;
}

/** The same of a request's, without what `readKnownFields` finds in its fields. */
export function copyRequest(head: RequestHead, bytes: Buffer): RequestHead {
  const copy = copyInto(new RequestHead(), head, bytes);
  copy.method = head.method;
  copy.targetStart = head.targetStart;
  copy.targetEnd = head.targetEnd;
  copy.pathStart = head.pathStart;
  copy.pathEnd = head.pathEnd;
  copy.isAbsolute = head.isAbsolute;
  copy.hostStart = head.hostStart;
  copy.hostEnd = head.hostEnd;
  return copy;
}

function bytesOf(head: Head): Buffer {
  return Buffer.from(head.bytes.subarray(0, head.end));
}

function copyInto<H extends Head>(kept: H, head: H, bytes: Buffer): H {
  kept.reset(bytes, head.start);
  kept.end = head.end;
  kept.fieldsStart = head.fieldsStart;
  kept.minorVersion = head.minorVersion;
  kept.isHttp2 = head.isHttp2;
  kept.contentLength = head.contentLength;
  kept.isChunked = head.isChunked;
  kept.connectionNamesFields = head.connectionNamesFields;
  kept.upgradeField = head.upgradeField;
  kept.neverIndexed = head.neverIndexed;
  for (let i = 0; i < head.fieldCount; i++) {
    const [a = 0, b = 0, c = 0, d = 0] = head.offsets.subarray(i * 4, i * 4 + 4);
    kept.addField(head.names[i] as FieldName, a, b, c, d);
  }
  return kept;
}
