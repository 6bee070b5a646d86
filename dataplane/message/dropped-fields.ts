import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { Caller } from './caller.ts';
import { FieldName, fieldNames, isHopByHop } from './field-name.ts';
import type { RequestHead } from './request-head.ts';

/**
 * When a field stays behind, by the number of its name: bits of the cases that a head can be in. A head is written with
 * the cases that hold for it.
 */
export const Case = {
  always: 1,
  request: 2,
  absolute: 4,
  old: 8,
  newTrace: 16,
  application: 32,
  trusted: 64,
  countsDown: 128,
  http2: 256,
  grpcDeadline: 512,
} as const;

/** The cases in which a field of each number stays behind. */
export const droppedIn = new Uint16Array(fieldNames);
for (let name = 0; name < isHopByHop.length; name++) if (isHopByHop[name] === 1) droppedIn[name] = Case.always;
droppedIn[FieldName.removed] = droppedIn[FieldName.twin] = Case.always;
for (const name of [
  FieldName.traceparent,
  FieldName.b3,
  FieldName.b3TraceId,
  FieldName.b3SpanId,
  FieldName.b3Sampled,
  FieldName.b3ParentSpanId,
  FieldName.b3Flags,
])
  droppedIn[name] = Case.request;
for (const name of [FieldName.meshlaneReason, FieldName.meshlane, FieldName.meshlaneTries])
  droppedIn[name] = Case.request | Case.application;
// Written anew, where they have something to say.
droppedIn[FieldName.meshlaneDeadline] = droppedIn[FieldName.meshlaneAttempt] = Case.request;
droppedIn[FieldName.meshlaneMirror] = Case.application;
// Written anew, with the caller's address behind what it said itself.
droppedIn[FieldName.forwarded] = droppedIn[FieldName.forwardedFor] = Case.trusted;
droppedIn[FieldName.maxForwards] = Case.countsDown;
droppedIn[FieldName.host] = Case.absolute;
// HTTP/1.0 knows no interim replies, so its callers cannot wait for one (RFC 9110 §10.1.1).
droppedIn[FieldName.expect] = Case.old;
// Written anew, with what is left of the time.
droppedIn[FieldName.grpcTimeout] = Case.grpcDeadline;
// They belong to a handshake that HTTP/2 does without (RFC 8441 §5).
droppedIn[FieldName.webSocketKey] = droppedIn[FieldName.webSocketAccept] = Case.http2;
// Without the traceparent it belongs to, it says nothing (W3C Trace Context §3.3).
droppedIn[FieldName.tracestate] = Case.newTrace;

/** 1 for fields that may not stand in a trailer section (RFC 9110 §6.5.1). */
export const notInTrailers = isHopByHop.slice();
for (const name of [
  FieldName.host,
  FieldName.trailer,
  FieldName.expect,
  FieldName.maxForwards,
  FieldName.meshlaneReason,
  FieldName.meshlane,
  FieldName.meshlaneDeadline,
  FieldName.meshlaneAttempt,
  FieldName.meshlaneTries,
  FieldName.meshlaneMirror,
  FieldName.twin,
  FieldName.removed,
])
  notInTrailers[name] = 1;

/** The cases that hold for a request. */
export function requestCases(head: RequestHead, trace: TraceContext, caller: Caller): number {
  let cases: number = Case.always | Case.request;
  if (head.isAbsolute) cases |= Case.absolute;
  if (head.minorVersion === 0) cases |= Case.old;
  if (!trace.hasParent || trace.isB3) cases |= Case.newTrace;
  if (caller.isTrusted) cases |= Case.trusted;
  if (head.maxForwards > 0) cases |= Case.countsDown;
  return cases;
}
