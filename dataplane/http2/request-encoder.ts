import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { HpackEncoder } from '../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../shared/http2/hpack/indexing.ts';
import { prepareField } from '../../shared/http2/hpack/prepared-field.ts';
import { type Caller, viaLine } from '../message/caller.ts';
import { Case, requestCases } from '../message/dropped-fields.ts';
import { writeForwarding } from '../message/forwarding.ts';
import { noLength } from '../message/head.ts';
import type { OutgoingHead } from '../message/outgoing-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import { ascii, OutBuffer } from '../transport/out-buffer.ts';
import { EncodedHeads } from './encoded-heads.ts';
import { encodeFields, encodeLength, encodeLines } from './field-encoder.ts';
import { NumberField } from './number-field.ts';
import { traceTailStart } from './trace-tail.ts';

const http = ascii('http');
const connect = ascii('CONNECT');
const slash = ascii('/');
const asterisk = ascii('*');
const trailers = prepareField('te', 'trailers', Indexing.auto);
const webSocket = prepareField(':protocol', 'websocket', Indexing.auto);
const timeoutName = ascii('grpc-timeout');
const deadlineField = new NumberField('x-meshlane-deadline-ms');
const attemptField = new NumberField('x-meshlane-attempt');
const milliseconds = ascii('m');
const seconds = ascii('S');

/** Where fields of our own are put together before they are encoded; few requests have any. */
const lines = new OutBuffer(4096);

/** Encodes the heads of requests for one connection. What differs from request to request stands at the end. */
export class RequestEncoder {
  readonly #encoder: HpackEncoder;
  readonly #encoded = new EncodedHeads();

  constructor(encoder: HpackEncoder) {
    this.#encoder = encoder;
  }

  /** Encodes the head of one try. */
  encode(out: OutBuffer, { head, trace, caller, isUpgrade, remainingMs, attempt }: OutgoingHead): void {
    const encoder = this.#encoder;
    const hasDeadline = head.isGrpc && remainingMs > 0;
    const deadline = hasDeadline ? Case.grpcDeadline : 0;
    const cases = requestCases(head, trace, caller) | Case.absolute | Case.http2 | deadline;
    const isSame = head.sharedId !== 0 && head.maxForwards === -1 && !trace.isB3;
    const known = isSame ? this.#encoded.find(head, caller, cases, encoder.generation) : null;
    if (known !== null) out.constant(known);
    else {
      const start = out.length;
      const { generation } = encoder;
      encodeTarget(encoder, out, head, isUpgrade);
      encodeFields(encoder, out, head, cases);
      if (head.takesTrailers) encoder.prepared(out, trailers);
      if (head.contentLength !== noLength) encodeLength(encoder, out, head.contentLength);
      encodeOwn(encoder, out, head, trace, caller);
      if (isSame && encoder.generation === generation)
        this.#encoded.keep(head, caller, cases, generation, out.bytes.subarray(start, out.length));
    }
    if (hasDeadline) encodeTimeout(encoder, out, remainingMs);
    if (remainingMs > 0) deadlineField.write(out, Math.floor(remainingMs));
    if (attempt > 1) attemptField.write(out, attempt);
    encodeTraceparent(out, trace);
  }
}

function encodeTarget(encoder: HpackEncoder, out: OutBuffer, head: RequestHead, isUpgrade: boolean): void {
  const { bytes } = head;
  if (isUpgrade) encoder.method(out, connect, 0, connect.length);
  else encoder.method(out, bytes, head.start, head.start + head.method.length);
  if (isUpgrade) encoder.prepared(out, webSocket);
  encoder.scheme(out, http, 0, http.length);
  if (head.hostEnd > head.hostStart) encoder.authority(out, bytes, head.hostStart, head.hostEnd);
  if (head.pathStart < head.targetEnd && head.pathStart < head.pathEnd)
    encoder.path(out, bytes, head.pathStart, head.targetEnd);
  else encodeBarePath(encoder, out, head);
}

/** `http://host` and `http://host?query` (RFC 9113 §8.3.1). */
function encodeBarePath(encoder: HpackEncoder, out: OutBuffer, head: RequestHead): void {
  if (head.pathStart === head.targetEnd) {
    const path = head.method === 'OPTIONS' ? asterisk : slash;
    return encoder.path(out, path, 0, 1);
  }
  lines.constant(slash);
  lines.copy(head.bytes, head.pathStart, head.targetEnd);
  encoder.path(out, lines.bytes, 0, lines.length);
  lines.discard();
}

/** The fields that tell of the caller, and of the way so far. */
function encodeOwn(
  encoder: HpackEncoder,
  out: OutBuffer,
  head: RequestHead,
  trace: TraceContext,
  caller: Caller,
): void {
  if (caller.forwarding !== null) writeForwarding(lines, head, caller, caller.forwarding);
  if (caller.via !== null) lines.constant(viaLine(caller.via, head));
  if (head.maxForwards > 0) lines.text(`max-forwards: ${head.maxForwards - 1}\r\n`);
  if (trace.isB3) lines.text(`b3: ${trace.b3}\r\n`);
  if (lines.length === 0) return;
  encodeLines(encoder, out, lines.bytes, lines.length);
  lines.discard();
}

/** A trace's ids do not come again, so no table is asked for them. */
function encodeTraceparent(out: OutBuffer, trace: TraceContext): void {
  out.constant(traceTailStart);
  out.constant(trace.bytes);
}

/** What is left of the time of a call: at most 8 digits and a unit (gRPC over HTTP/2, "Timeout"). */
function encodeTimeout(encoder: HpackEncoder, out: OutBuffer, remainingMs: number): void {
  const isLong = remainingMs >= 1e8;
  lines.constant(timeoutName);
  lines.decimal(Math.floor(isLong ? Math.min(remainingMs / 1000, 99_999_999) : remainingMs));
  lines.constant(isLong ? seconds : milliseconds);
  encoder.field(out, lines.bytes, 0, timeoutName.length, timeoutName.length, lines.length, Indexing.without);
  lines.discard();
}
