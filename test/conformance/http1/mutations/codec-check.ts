import { isDeepStrictEqual } from 'node:util';
import { type Relayed, relayReplies, relayRequests } from '../../../dataplane/http1/codec-relay.ts';
import { forwardingFault } from '../../../harness/strict-http1/forwarding.ts';
import { type Field, valuesOf } from '../../../harness/strict-http1/rules.ts';
import { readReplies, readRequests, type StrictRead } from '../../../harness/strict-reader.ts';
import type { Random } from './random.ts';

/** Input to the codec: what a caller sends, or what an instance answers requests of these methods. */
export type CodecCase =
  | { readonly kind: 'request'; readonly bytes: Buffer }
  | { readonly kind: 'reply'; readonly bytes: Buffer; readonly methods: readonly string[] };

/** What the codec made of a case: whether it took it, and what is wrong with that, if anything. */
export type CodecVerdict = {
  readonly taken: 'whole' | 'partial' | 'refused';
  readonly fault: string | null;
};

/**
 * Puts a case through the codec, whole and in pieces, and holds what it wrote against the strict reader. Four things have
 * to be so: the pieces do not matter; what is written has no fault; it has as many whole messages, with the same bodies,
 * as were read; and what the strict reader can read, the codec reads the same or refuses.
 */
export function checkCodec(one: CodecCase, random: Random, relay: Codec = relayCase): CodecVerdict {
  const { bytes } = one;
  const relayed = relay(one, [bytes]);
  const taken = relayed.refused !== null ? 'refused' : relayed.isPartial ? 'partial' : 'whole';
  const pieces = cut(bytes, random);
  return {
    taken,
    fault:
      faultOfPieces(relayed, relay(one, pieces), pieces) ??
      faultOfWritten(one, relayed) ??
      faultOfReading(one, relayed),
  };
}

/** What reads and writes messages: the codec, or something broken in its place. */
export type Codec = (one: CodecCase, pieces: readonly Buffer[]) => Relayed;

function relayCase(one: CodecCase, pieces: readonly Buffer[]): Relayed {
  return one.kind === 'request' ? relayRequests(pieces) : relayReplies(pieces, one.methods, true);
}

function strictly(one: CodecCase, bytes: Buffer): StrictRead {
  return one.kind === 'request' ? readRequests(bytes) : readReplies(bytes, one.methods, true);
}

/** Cuts at a few places, and short input at times after every byte. */
function cut(bytes: Buffer, random: Random): Buffer[] {
  const size = bytes.length;
  if (size < 2) return [bytes];
  const places =
    size < 300 && random.oneIn(16)
      ? Array.from({ length: size - 1 }, (_, i) => i + 1)
      : Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(size - 1)).sort((a, b) => a - b);
  return [0, ...places].map((from, i) => bytes.subarray(from, places[i] ?? size));
}

function faultOfPieces(whole: Relayed, inPieces: Relayed, pieces: readonly Buffer[]): string | null {
  for (const part of ['refused', 'isPartial', 'end', 'messages'] as const)
    if (!isDeepStrictEqual(whole[part], inPieces[part]))
      return `in pieces of ${pieces.map(({ length }) => length).join(', ')} bytes ${part} is ${JSON.stringify(inPieces[part])}, not ${JSON.stringify(whole[part])}`;
  return null;
}

function faultOfWritten(one: CodecCase, { messages, written }: Relayed): string | null {
  const read = strictly(one, written);
  if (read.fault !== null) return `what is written is refused: ${read.fault}`;
  if (read.messages.length !== messages.length)
    return `${messages.length} messages were read, ${read.messages.length} whole ones written`;
  for (const [i, message] of read.messages.entries()) {
    const fault = forwardingFault(message);
    if (fault !== null) return fault;
    if (!message.body.equals(messages[i]!.body)) return `the body of message ${i} was changed`;
    const listed = listedBy(messages[i]!.fields);
    const kept = [...message.fields, ...message.trailers].find(([name]) => listed.has(name.toLowerCase()));
    if (kept !== undefined) return `${kept[0]} was forwarded although Connection lists it`;
  }
  return null;
}

/** Fields that the proxy writes itself, whatever Connection says of those that came. */
const written = new Set(
  'close connection content-length host keep-alive traceparent transfer-encoding upgrade'.split(' '),
);

/** Names that Connection lists, so that fields of the name end here (RFC 9110 §7.6.1). */
function listedBy(fields: readonly Field[]): Set<string> {
  const options = valuesOf(fields, 'connection').flatMap((value) => value.split(','));
  return new Set(options.map((option) => option.trim().toLowerCase()).filter((option) => !written.has(option)));
}

/** Where the strict reader sees whole messages, the codec sees no others. */
function faultOfReading(one: CodecCase, { messages }: Relayed): string | null {
  const read = strictly(one, one.bytes);
  const common = Math.min(read.messages.length, messages.length);
  for (let i = 0; i < common; i++) {
    const [theirs, ours] = [read.messages[i]!, messages[i]!];
    const isSame = theirs.startLine === ours.startLine && theirs.body.equals(ours.body);
    if (!isSame || !isDeepStrictEqual([theirs.fields, theirs.trailers], [ours.fields, ours.trailers]))
      return `message ${i} is read as another by the strict reader`;
  }
  return null;
}
