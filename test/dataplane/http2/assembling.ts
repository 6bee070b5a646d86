import { classifyField } from '../../../dataplane/http2/field-kind.ts';
import { ReplyAssembler } from '../../../dataplane/http2/reply-assembler.ts';
import { RequestAssembler } from '../../../dataplane/http2/request-assembler.ts';
import { TrailerAssembler } from '../../../dataplane/http2/trailer-assembler.ts';
import { FieldName } from '../../../dataplane/message/field-name.ts';
import { Head, type HeadLimits, HeadVerdict } from '../../../dataplane/message/head.ts';
import { ReplyHead } from '../../../dataplane/message/reply-head.ts';
import { RequestHead } from '../../../dataplane/message/request-head.ts';
import { HpackDecoder } from '../../../shared/http2/hpack/decoder.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';

export const usualLimits: HeadLimits = { headBytes: 65_536, headerCount: 100, targetBytes: 16_384 };

export type AssembleOptions = {
  readonly limits?: HeadLimits;
  /** The message ends with its head. */
  readonly isWhole?: boolean;
  readonly takesConnect?: boolean;
  /** A head of an earlier message, whose memory is used again. */
  readonly head?: RequestHead;
};

/** What became of a block: `whole`, why it is malformed, or the code and detail it is refused with. */
export type Assembled<H> = { readonly head: H; readonly outcome: string };

/** Puts a request together from the fields of a block, or from the block itself. */
export function assembleRequest(
  block: readonly Field[] | Buffer,
  { limits = usualLimits, isWhole = true, takesConnect = false, head = new RequestHead() }: AssembleOptions = {},
): Assembled<RequestHead> {
  const requests = new RequestAssembler();
  head.takesConnect = takesConnect;
  decode(block, (decoder) => requests.begin(head, limits, decoder), requests);
  const verdict = requests.finish(limits, isWhole);
  if (verdict === HeadVerdict.whole) return { head, outcome: 'whole' };
  return { head, outcome: requests.fault === '' ? `${head.refusal}: ${head.refusalDetail}` : requests.fault };
}

export function assembleReply(
  block: readonly Field[] | Buffer,
  { limits = usualLimits, isWhole = false }: AssembleOptions = {},
): Assembled<ReplyHead> {
  const replies = new ReplyAssembler();
  const head = new ReplyHead();
  decode(block, (decoder) => replies.begin(head, limits, decoder), replies);
  const isGood = replies.finish(limits, isWhole) === HeadVerdict.whole;
  return { head, outcome: isGood ? 'whole' : `${head.refusal}: ${head.refusalDetail}` };
}

export function assembleTrailers(
  block: readonly Field[] | Buffer,
  { limits = usualLimits }: AssembleOptions = {},
): Assembled<Head> {
  const sections = new TrailerAssembler();
  const head = new Head();
  decode(block, (decoder) => sections.begin(head, limits, decoder), sections);
  return { head, outcome: sections.finish() || 'whole' };
}

function decode(
  block: readonly Field[] | Buffer,
  begin: (decoder: HpackDecoder) => void,
  sink: Parameters<HpackDecoder['decode']>[3],
): void {
  const decoder = new HpackDecoder(4096, classifyField);
  const bytes = Buffer.isBuffer(block) ? block : headerBlock(block);
  begin(decoder);
  const fault = decoder.decode(bytes, 0, bytes.length, sink);
  if (fault !== null) throw new Error(fault);
}

/** The fields of a head, without those that do not travel on. */
export function fieldsIn(head: Head): Field[] {
  const fields: Field[] = [];
  for (let i = 0; i < head.fieldCount; i++) {
    const name = head.bytes.toString('latin1', head.offsets[i * 4], head.offsets[i * 4 + 1]);
    if (head.names[i] !== FieldName.removed) fields.push([name, head.valueAt(i)]);
  }
  return fields;
}
