import { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { noKey } from '../cluster/balancer/balancer.ts';
import type { BreakerCause } from '../cluster/breaker/breaker.ts';
import type { Caller } from '../message/caller.ts';
import type { Head } from '../message/head.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { PoolWaiter } from '../upstream/pool.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { UpstreamConnection, UpstreamRequest } from '../upstream/upstream-connection.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { grpcStatusAt, httpStatusOf } from './grpc.ts';
import { asksForRetry } from './retry.ts';
import type { HedgeSettings, RuleBackend } from './rule.ts';
import { reportAttempt, type Traced } from './spans.ts';
import type { Tries } from './tries.ts';
import { UpstreamTry } from './upstream-try.ts';

/** The exchange as its hedge sees it. */
export type Hedged = UpstreamRequest &
  PoolWaiter &
  Traced & {
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
  const picked = cluster.pick(noKey, tries.endpoints, nowMs);
  if (typeof picked === 'string') return null;
  if (!hedge.budget.tryTake(nowMs)) {
    stats.onHedge('over_budget');
    return null;
  }
  tries.onStart(picked);
  const second = new Hedge(exchange, picked, heldBody, context);
  second.try.number = tries.count;
  return second;
}

/**
 * The second request of an exchange, while the first one is slow.
 *
 *   open ---- a good reply, or the first one fails ----> leading (what comes is the exchange's)
 *     '------ a failure, or the first one has its reply ----> over
 *
 * It stands between its connection and the exchange for as long as it lives.
 */
export class Hedge implements UpstreamRequest, PoolWaiter, Traced {
  readonly attempt: number;
  readonly trace = new TraceContext();
  readonly try = new UpstreamTry();
  #state: 'open' | 'leading' | 'over' = 'open';
  readonly #exchange: Hedged;
  readonly #endpoint: PooledEndpoint;
  readonly #context: WorkerContext;
  /** What was held of the request when this began; nobody changes it before the exchange is over. */
  readonly heldBody: Buffer;

  constructor(exchange: Hedged, endpoint: PooledEndpoint, heldBody: Buffer, context: WorkerContext) {
    this.#exchange = exchange;
    this.#endpoint = endpoint;
    this.heldBody = heldBody;
    this.#context = context;
    this.attempt = exchange.attempt;
    this.trace.copyFrom(exchange.trace);
    if (this.#isReported) this.trace.newSpan();
  }

  get head(): RequestHead {
    return this.#exchange.head;
  }

  get asked(): RequestHead {
    return this.#exchange.asked;
  }

  get backend(): RuleBackend | null {
    return this.#exchange.backend;
  }

  get ruleName(): string {
    return this.#exchange.ruleName;
  }

  get endpoint(): PooledEndpoint {
    return this.#endpoint;
  }

  get breakerCause(): BreakerCause | null {
    return this.try.breakerCause;
  }

  get startMs(): number {
    return this.#exchange.startMs;
  }

  get attempts(): number {
    return this.try.number;
  }

  get attemptStartMs(): number {
    return this.try.startMs;
  }

  get #isReported(): boolean {
    return this.trace.isSampled && this.#context.recordsSpans;
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
    this.try.begin(this.#endpoint, this.#context.now());
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
    this.try.leave();
    this.#end(false, null, 0);
  }

  #fail(isBlamed: boolean, code: ErrorCode | null, status: number): void {
    this.#end(isBlamed, code, status);
    this.#exchange.onHedgeFailed(this);
  }

  /** The exchange does not tell of it: it did not lead. */
  #end(isBlamed: boolean, code: ErrorCode | null, status: number): void {
    const nowMs = this.#context.now();
    this.#state = 'over';
    this.try.end(isBlamed, nowMs);
    if (this.#isReported) reportAttempt(this, code, status, nowMs, this.#context);
  }

  onConnection(connection: UpstreamConnection): void {
    if (this.#state === 'leading') return this.#exchange.onConnection(connection);
    this.try.connection = connection;
    connection.begin(this);
  }

  onConnectionFailure(code: ErrorCode): void {
    if (this.#state === 'leading') this.#exchange.onConnectionFailure(code);
    else if (this.#state === 'open') this.#fail(code === 'upstream_connect', code, 0);
  }

  onUpstreamFailure(code: ErrorCode, isStale: boolean): void {
    this.try.connection = null;
    if (this.#state === 'leading') this.#exchange.onUpstreamFailure(code, isStale);
    else if (this.#state === 'open') this.#fail(!isStale, code, 0);
  }

  onReplyHead(head: ReplyHead, hasBody: boolean): boolean {
    if (this.#state === 'open' && !this.#wins(head)) return false;
    return this.#state === 'leading' && this.#exchange.onReplyHead(head, hasBody);
  }

  /** A failure is no reply worth having while the first request may still get one. */
  #wins(head: ReplyHead): boolean {
    const { retry } = this.#exchange.backend!;
    const callStatus = this.head.isGrpc ? grpcStatusAt(head, head.grpcStatusField) : -1;
    const status = Math.max(head.status, httpStatusOf(callStatus));
    if (status < 500 && !asksForRetry(head, retry) && !retry.grpcStatuses.has(callStatus)) {
      this.#exchange.onHedgeWon(this);
      return true;
    }
    this.try.onStatus(status, this.#context.now());
    this.try.connection = null;
    this.#fail(false, null, head.status);
    return false;
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
