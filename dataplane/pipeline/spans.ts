import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { type BreakerCause, stateAfter } from '../cluster/breaker/breaker.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import { textAt } from '../message/grammar.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { RuleBackend } from './rule.ts';

/** Spans of sampled traces, in the words of OpenTelemetry's HTTP conventions. Called at the end of what they describe. */

const wallOffsetMs = performance.timeOrigin;

/** Characters of a path that a span keeps: callers choose its length, and many spans wait for a slow endpoint. */
const mostPath = 256;

/** What a span is made of. */
export type Traced = {
  readonly trace: TraceContext;
  /** The head as the caller sent it. */
  readonly asked: RequestHead;
  readonly backend: RuleBackend | null;
  readonly endpoint: Endpoint | null;
  readonly ruleName: string;
  readonly attempts: number;
  readonly breakerCause: BreakerCause | null;
  readonly startMs: number;
  readonly attemptStartMs: number;
};

/** SERVER span of a request that came to this workload. */
export function reportInbound(exchange: Traced, status: number, endMs: number, context: WorkerContext): void {
  const { trace, asked: head } = exchange;
  context.onSpan({
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentId,
    name: `${head.method} ${exchange.backend?.cluster.service ?? 'unmatched'}`,
    kind: 'server',
    startMs: wallOffsetMs + exchange.startMs,
    endMs: wallOffsetMs + endMs,
    isError: status >= 500,
    attributes: {
      'http.request.method': head.method,
      'url.path': textAt(head.bytes, head.pathStart, Math.min(head.pathEnd, head.pathStart + mostPath)),
      'server.address': head.host,
      'http.response.status_code': status,
    },
  });
}

/** CLIENT span of one try. */
export function reportAttempt(
  exchange: Traced,
  failure: ErrorCode | null,
  status: number,
  endMs: number,
  context: WorkerContext,
): void {
  const { trace, asked: head, endpoint, breakerCause } = exchange;
  context.onSpan({
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentId,
    name: `${head.method} ${exchange.backend?.cluster.service ?? ''}`,
    kind: 'client',
    startMs: wallOffsetMs + exchange.attemptStartMs,
    endMs: wallOffsetMs + endMs,
    isError: failure !== null || status >= 500,
    attributes: {
      'http.request.method': head.method,
      'url.path': textAt(head.bytes, head.pathStart, Math.min(head.pathEnd, head.pathStart + mostPath)),
      'server.address': head.host,
      'network.peer.address': endpoint?.address ?? '',
      'network.peer.port': endpoint?.port ?? 0,
      'meshlane.route': exchange.ruleName,
      'meshlane.instance': endpoint?.name ?? '',
      ...(exchange.attempts > 1 ? { 'http.request.resend_count': exchange.attempts - 1 } : {}),
      ...(status > 0 ? { 'http.response.status_code': status } : {}),
      ...(failure === null ? {} : { 'error.type': failure }),
      ...(breakerCause === null ? {} : { 'meshlane.breaker': `${stateAfter[breakerCause]}: ${breakerCause}` }),
    },
  });
}
