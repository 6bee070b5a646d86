import { randomUint32, type TraceContext } from '../../observability/tracing/trace-context.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

const twoTo32 = 4_294_967_296;

/** Joins the caller's trace, in W3C form or else in B3, or begins one and decides whether it is kept. */
export function readTrace(trace: TraceContext, head: RequestHead, context: WorkerContext): void {
  const field = head.traceparentField;
  if (field >= 0 && trace.accept(head.bytes, head.offsets[field * 4 + 2]!, head.offsets[field * 4 + 3]!)) return;
  if ((head.b3Field !== -1 || head.b3TraceIdField !== -1) && acceptB3(trace, head)) return;
  trace.begin(context.recordsSpans && randomUint32() < context.sampleRatio * twoTo32);
}

function acceptB3(trace: TraceContext, head: RequestHead): boolean {
  if (head.b3Field !== -1) {
    const [traceId = '', spanId = '', flag = '0'] = head.valueAt(head.b3Field).split('-');
    return trace.acceptB3(traceId, spanId, flag === '1' || flag === 'd');
  }
  if (head.b3SpanIdField === -1) return false;
  const sampled = head.b3SampledField === -1 ? '0' : head.valueAt(head.b3SampledField);
  return trace.acceptB3(
    head.valueAt(head.b3TraceIdField),
    head.valueAt(head.b3SpanIdField),
    sampled === '1' || sampled === 'true',
  );
}
