import { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { noKey } from '../cluster/balancer/balancer.ts';
import type { Caller } from '../message/caller.ts';
import type { Head } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { PoolWaiter } from '../upstream/pool.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { UpstreamConnection, UpstreamRequest } from '../upstream/upstream-connection.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { grpcStatusAt, httpStatusOf } from './grpc.ts';
import type { HedgeSettings, RuleBackend } from './rule.ts';
import type { Tries } from './tries.ts';
import { UpstreamTry } from './upstream-try.ts';

/** The exchange as its hedge sees it. */
export type Hedged = UpstreamRequest &
  PoolWaiter & {
    /** A good reply to the hedge has begun, before the first request had one: it takes its place. */
    onHedgeWon(hedge: Hedge): void;
    /** Nothing comes of the hedge. */
    onHedgeFailed(hedge: Hedge): void;
  };

/** The moment from which a request that has no reply yet goes out again; 0 for never. */
export function hedgeAtMs({ latency, minDelayMs }: HedgeSettings, { isUpgrade, head }: Hedged, nowMs: number): number {
  if (latency.valueMs === Number.POSITIVE_INFINITY || isUpgrade || head.connectPort !== 0) return 0;
  return nowMs + Math.max(latency.valueMs, minDelayMs);
}

/** The second request, which is still to begin; null where no other instance or no budget is left for it. */
export function planHedge(
  exchange: Hedged,
  { hedge, cluster, stats }: RuleBackend,
  tries: Tries,
  heldBody: Buffer,
  context: WorkerContext,
): Hedge | null {
  const nowMs = context.now();
  if (hedge === null || !cluster.hasOther(tries.endpoints, nowMs)) return null;
  if (!hedge.budget.tryTake(nowMs)) {
    stats.onHedge('over_budget');
    return null;
  }
  const picked = cluster.pick(noKey, tries.endpoints, nowMs);
  if (typeof picked === 'string') return null;
  tries.onStart(picked);
  return new Hedge(exchange, picked, heldBody, context);
}

/**
 * The second request of an exchange, while the first one is slow.
 *
 *   open ---- a good reply, or the first one fails ----> leading (what comes is the exchange's)
 *     '------ a failure, or the first one has its reply ----> over
 *
 * It stands between its connection and the exchange for as long as it lives.
 */
export class Hedge implements UpstreamRequest, PoolWaiter {
  readonly attempt: number;
  readonly trace = new TraceContext();
  readonly try = new UpstreamTry();
  #state: 'open' | 'leading' | 'over' = 'open';
  readonly #exchange: Hedged;
  readonly #endpoint: PooledEndpoint;
  readonly #now: () => number;
  /** What was held of the request when this began; nobody changes it before the exchange is over. */
  readonly heldBody: Buffer;

  constructor(exchange: Hedged, endpoint: PooledEndpoint, heldBody: Buffer, { now, recordsSpans }: WorkerContext) {
    this.#exchange = exchange;
    this.#endpoint = endpoint;
    this.heldBody = heldBody;
    this.#now = now;
    this.attempt = exchange.attempt;
    this.trace.copyFrom(exchange.trace);
    if (this.trace.isSampled && recordsSpans) this.trace.newSpan();
  }

  get head(): RequestHead {
    return this.#exchange.head;
  }

  get caller(): Caller {
    return this.#exchange.caller;
  }

  get requestTrailers(): Head | null {
    return this.#exchange.requestTrailers;
  }

  get remainingMs(): number {
    return this.#exchange.remainingMs;
  }

  get borrowsReply(): boolean {
    return this.#exchange.borrowsReply;
  }

  /** Only requests that are whole are hedged, and never those that ask for another protocol. */
  readonly isUpgrade = false;
  readonly isRequestWhole = true;

  begin(): void {
    this.try.begin(this.#endpoint, this.#now());
    const connection = this.try.acquire(this);
    if (connection === null) return;
    if (typeof connection === 'string') this.onConnectionFailure(connection);
    else this.onConnection(connection);
  }

  /** From now on everything that comes is the exchange's. */
  lead(): void {
    this.#state = 'leading';
  }

  /** It is not needed any more. */
  cancel(): void {
    if (this.#state !== 'open') return;
    this.#leave();
    this.try.end(false, this.#now());
  }

  #leave(): void {
    this.#state = 'over';
    this.try.leave();
  }

  #fail(isBlamed: boolean): void {
    this.#state = 'over';
    this.try.end(isBlamed, this.#now());
    this.#exchange.onHedgeFailed(this);
  }

  onConnection(connection: UpstreamConnection): void {
    if (this.#state === 'leading') return this.#exchange.onConnection(connection);
    this.try.connection = connection;
    connection.begin(this);
  }

  onConnectionFailure(code: ErrorCode): void {
    if (this.#state === 'leading') this.#exchange.onConnectionFailure(code);
    else if (this.#state === 'open') this.#fail(code === 'upstream_connect');
  }

  onUpstreamFailure(code: ErrorCode, isStale: boolean): void {
    this.try.connection = null;
    if (this.#state === 'leading') this.#exchange.onUpstreamFailure(code, isStale);
    else if (this.#state === 'open') this.#fail(!isStale);
  }

  onReplyHead(head: ReplyHead, hasBody: boolean): boolean {
    if (this.#state === 'open' && !this.#wins(head)) return false;
    return this.#state === 'leading' && this.#exchange.onReplyHead(head, hasBody);
  }

  /** A failure is no reply worth having while the first request may still get one. */
  #wins(head: ReplyHead): boolean {
    const callStatus = this.head.isGrpc ? httpStatusOf(grpcStatusAt(head, head.grpcStatusField)) : 0;
    const status = Math.max(head.status, callStatus);
    if (status < 500) this.#exchange.onHedgeWon(this);
    else {
      this.try.onStatus(status, this.#now());
      this.try.connection = null;
      this.#fail(true);
    }
    return status < 500;
  }

  onInterim(head: ReplyHead): void {
    if (this.#state === 'leading') this.#exchange.onInterim(head);
  }

  onReplyBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    this.#exchange.onReplyBody(bytes, from, to, isLasting);
  }

  flushReply(): boolean {
    return this.#exchange.flushReply();
  }

  onReplyEnd(trailers: Head | null): void {
    this.#exchange.onReplyEnd(trailers);
  }

  onReplyDone(): void {
    this.#exchange.onReplyDone();
  }

  onUpgrade(head: ReplyHead): void {
    this.#exchange.onUpgrade(head);
  }

  onTunnelOpen(): void {
    this.#exchange.onTunnelOpen();
  }

  onTunnelEnd(): void {
    this.#exchange.onTunnelEnd();
  }

  onUpstreamDrain(): void {
    if (this.#state === 'leading') this.#exchange.onUpstreamDrain();
  }
}
