import type { FieldName } from './field-name.ts';
import { Head } from './head.ts';
import { ReplyHead } from './reply-head.ts';

/** A copy of a head's fields that stays, for one whose bytes are only good during a call. */
export function keepHead(head: Head): Head {
  return copyInto(new Head(), head);
}

/** The same for a reply's head; one that is shared stays anyway. */
export function keepReplyHead(head: ReplyHead): ReplyHead {
  if (head.sharedId !== 0) return head;
  const kept = copyInto(new ReplyHead(), head);
  kept.status = head.status;
  kept.reasonStart = head.reasonStart;
  kept.reasonEnd = head.reasonEnd;
  kept.meshlaneReasonField = head.meshlaneReasonField;
  kept.grpcStatusField = head.grpcStatusField;
  kept.isEmpty = head.isEmpty;
  return kept;
}

function copyInto<H extends Head>(kept: H, head: H): H {
  kept.reset(Buffer.from(head.bytes.subarray(0, head.end)), head.start);
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
