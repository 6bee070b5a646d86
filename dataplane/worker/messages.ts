import type { Series } from '../../observability/metrics/slots.ts';
import type { SpanTexts } from '../../observability/tracing/otlp-json.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { AskedRequest } from '../../shared/routing/explain/asked-request.ts';
import type { LiveRule } from '../../shared/routing/explain/explanation.ts';
import type { Workload } from '../../shared/routing/source.ts';
import type { TransportKind } from '../../shared/transport/open.ts';
import type { ListenerSettings } from '../listener/reception.ts';
import type { ServerCertificate } from '../listener/tls-acceptor.ts';
import type { BreakerNotice } from './breaker-log.ts';
import type { Http2Limits } from './worker-context.ts';

/** What supervisor and workers say to each other. */

export type WorkerListener = ListenerSettings & {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What is shown to callers; undefined where they come in the clear. */
  readonly shown?: ServerCertificate;
};

/** Given to a worker when it is made. */
export type WorkerOptions = {
  readonly index: number;
  readonly workers: number;
  readonly metrics: SharedArrayBuffer;
  /** Of rate limits; shared by all workers. */
  readonly buckets: SharedArrayBuffer;
  /** What requests of one trace tell each other (`newTraceMarkMemory`). */
  readonly traceMarks: SharedArrayBuffer;
  readonly application: { readonly service: string; readonly address: string; readonly port: number } | null;
  readonly limits: {
    readonly headBytes: number;
    readonly headerCount: number;
    readonly targetBytes: number;
    readonly connections: number;
    readonly handshakeTimeoutMs: number;
    /** 0 is none, for the three times. */
    readonly headTimeoutMs: number;
    readonly detectTimeoutMs: number;
    readonly keepAliveTimeoutMs: number;
    /** 0 is no bound, for both. */
    readonly requestsPerConnection: number;
    readonly bodyBytes: number;
    readonly halfClose: 'answer' | 'cancel';
    readonly bufferBytes: number;
    readonly replayBytes: number;
    readonly http2: Http2Limits;
  };
  /** Whose requests go out through this proxy. */
  readonly workload: Workload;
  /** Zone that the proxy runs in, null when it does not know. */
  readonly zone: string | null;
  readonly transportKind: TransportKind;
  /** For tests: what connections write is checked (`transport/checked-out-buffer.ts`). */
  readonly checksWrites: boolean;
  readonly sampleRatio: number;
  readonly recordsSpans: boolean;
};

export type ToWorker =
  /** Changes to the resources. `known` are the services whose instances are here now; null when those of all are. */
  | {
      type: 'configure';
      revision: number;
      resources: readonly AnyResource[];
      removed: readonly ResourceKey[];
      known: readonly string[] | null;
    }
  /** Nobody tells of the instances that were asked for: the control plane is away. */
  | { type: 'unanswered' }
  /** Connects this worker to another one, which gets the other end of the pipe by its number. */
  | { type: 'connect'; to: number; path: string }
  | { type: 'receive'; fd: number }
  /**
   * `counts` has the number of connections of each listener, over all workers; `shares` the same for each worker, null
   * when workers keep what they accept.
   */
  | {
      type: 'listen';
      listeners: readonly WorkerListener[];
      isShared: boolean;
      counts: SharedArrayBuffer;
      shares: SharedArrayBuffer | null;
    }
  /** The files of a listener's certificate are others now. */
  | { type: 'certificate'; listener: string; shown: ServerCertificate }
  /** Verdict of the active health check of one instance. */
  | { type: 'health'; instance: string; isHealthy: boolean }
  /** Asks what would become of a request; answered with the same id. */
  | { type: 'explain'; id: number; request: AskedRequest }
  | { type: 'drain' }
  | { type: 'stop' };

export type FromWorker =
  | { type: 'configured'; revision: number }
  /** The update could not be compiled; the snapshot before it stays in force. */
  | { type: 'refused'; revision: number; error: string }
  | { type: 'connected'; isDone: boolean }
  | { type: 'receiving'; isDone: boolean }
  | { type: 'listening'; ports: readonly number[] }
  | { type: 'listen-failed'; listener: string; code: string; message: string }
  | { type: 'series'; series: Series }
  | { type: 'spans'; spans: SpanTexts }
  | { type: 'problem'; what: string; message: string }
  | { type: 'breaker'; notice: BreakerNotice }
  | { type: 'explained'; id: number; live: LiveRule }
  /** A request needs the instances of a service that are not here. */
  | { type: 'asked'; service: string }
  | { type: 'drained' };
