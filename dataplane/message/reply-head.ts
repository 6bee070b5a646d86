import { FieldName } from './field-name.ts';
import { framingFault, Head, HeadVerdict, readFramingField } from './head.ts';

/** A reply's head, whichever protocol it came in. */
export class ReplyHead extends Head {
  status = 0;
  reasonStart = 0;
  reasonEnd = 0;
  /** Place of `x-meshlane-reason`, -1 when there is none. */
  meshlaneReasonField = -1;
  /** Place of `x-meshlane-tries`, -1 when there is none. */
  meshlaneTriesField = -1;
  /** Place of `grpc-status`, -1 when there is none. */
  grpcStatusField = -1;
  /** The reply ended with its head, though it might have had a body. */
  isEmpty = false;

  /** Forgets the reply before; `bytes` is where the next one stands. */
  override reset(bytes: Buffer, start: number): void {
    super.reset(bytes, start);
    this.meshlaneReasonField = -1;
    this.meshlaneTriesField = -1;
    this.grpcStatusField = -1;
    this.isEmpty = false;
  }

  override copyFrom(head: ReplyHead, spareBytes = 0): void {
    super.copyFrom(head, spareBytes);
    this.status = head.status;
    this.reasonStart = head.reasonStart;
    this.reasonEnd = head.reasonEnd;
    this.meshlaneReasonField = head.meshlaneReasonField;
    this.meshlaneTriesField = head.meshlaneTriesField;
    this.grpcStatusField = head.grpcStatusField;
    this.isEmpty = head.isEmpty;
  }

  /** Takes in the fields that say something to a proxy, and what has to hold between them. */
  readKnownFields(): HeadVerdict {
    for (let i = 0; i < this.fieldCount; i++) {
      switch (this.names[i]) {
        case FieldName.other:
          break;
        case FieldName.meshlaneReason:
          this.meshlaneReasonField = i;
          break;
        case FieldName.meshlaneTries:
          this.meshlaneTriesField = i;
          break;
        case FieldName.grpcStatus:
          this.grpcStatusField = i;
          break;
        default: {
          const fault = readFramingField(this, i);
          if (fault !== null) return this.refuse('upstream_protocol', fault);
        }
      }
    }
    const fault = framingFault(this);
    if (fault !== null) return this.refuse('upstream_protocol', fault);
    // RFC 9110 §8.6, RFC 9112 §6.1: whoever wrote it means a body where no other reader sees one.
    if (this.status < 200 && (this.isChunked || this.contentLength > 0))
      return this.refuse('upstream_protocol', 'an interim reply with a body');
    return HeadVerdict.whole;
  }
}
