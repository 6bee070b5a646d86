import type { SpanRecord } from '../../observability/tracing/span.ts';
import type { TimerWheel } from '../../shared/time/timer-wheel.ts';
import type { TransportKind } from '../../shared/transport/open.ts';
import type { AwaitedEndpoints } from '../cluster/awaited-endpoints.ts';
import type { HeadLimits } from '../message/head.ts';
import type { MirrorRoom } from '../pipeline/mirror-room.ts';
import type { TraceMarks } from '../pipeline/trace-marks.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { OutBuffer } from '../transport/out-buffer.ts';
import type { WriteBatch } from '../transport/write-batch.ts';
import type { Closings } from './closings.ts';

/** Bounds of connections that speak HTTP/2. */
export type Http2Limits = {
  readonly streams: number;
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
};

/** What everything in one worker shares. */
export type WorkerContext = {
  /** What requests that begin now are carried by. */
  snapshot: Snapshot;
  /** No new connections, and replies say that the connection closes. */
  isDraining: boolean;
  readonly limits: HeadLimits & {
    readonly connections: number;
    readonly handshakeTimeoutMs: number;
    readonly headTimeoutMs: number;
    readonly detectTimeoutMs: number;
    readonly keepAliveTimeoutMs: number;
    readonly requestsPerConnection: number;
    readonly bodyBytes: number;
    readonly halfClose: 'answer' | 'cancel';
    readonly bufferBytes: number;
    readonly replayBytes: number;
    readonly http2: Http2Limits;
  };
  readonly transportKind: TransportKind;
  readonly sampleRatio: number;
  /** False when nobody takes spans: nothing is sampled here then, but a caller's decision still travels on. */
  readonly recordsSpans: boolean;
  readonly wheel: TimerWheel;
  readonly out: OutBuffer;
  readonly batch: WriteBatch;
  readonly traceMarks: TraceMarks;
  readonly closings: Closings;
  readonly mirrorRoom: MirrorRoom;
  readonly awaited: AwaitedEndpoints;
  /** Monotonic ms of the event being handled: read once per event, not once per use. */
  now(): number;
  /** Reads the clock; called first thing by whatever the event loop calls. */
  tick(): void;
  onSpan(span: SpanRecord): void;
  onProblem(what: string, error: unknown): void;
};
