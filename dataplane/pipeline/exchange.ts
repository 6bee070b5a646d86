import { TraceContext } from '../../observability/tracing/trace-context.ts';
import { type ErrorCode, errorTable } from '../../shared/errors/error-table.ts';
import { noKey } from '../cluster/balancer/balancer.ts';
import type { BreakerCause } from '../cluster/breaker/breaker.ts';
import { mayServe } from '../cluster/candidates.ts';
import type { Caller } from '../message/caller.ts';
import type { Head } from '../message/head.ts';
import { keepHead, keepReplyHead } from '../message/keep-head.ts';
import { grpcStatusOf, type LocalReply, localReply } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import { isAccepted } from '../message/web-socket.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { Base64Decoder } from './base64-decoder.ts';
import { callersTimeMs } from './callers-context.ts';
import { Deadlines } from './deadlines.ts';
import type { Direction } from './direction.ts';
import type { Downstream } from './downstream.ts';
import { knownBackend, tryAwaitEndpoints } from './endpoint-wait.ts';
import { takeFallback } from './fallback.ts';
import { Filtering } from './filtering.ts';
import { grpcStatusAt, grpcStatusIn, httpStatusOf } from './grpc.ts';
import { GrpcWebCall } from './grpc-web.ts';
import { type Hedge, type Hedged, hedgeAtMs, planHedge } from './hedge.ts';
import { HeldBody } from './held-body.ts';
import { HeldReply, mostHoldMs, type ReplyTaker } from './held-reply.ts';
import type { MirroredRequest } from './mirrored-request.ts';
import type { Mirroring } from './mirroring.ts';
import { rateLimited } from './rate-limited.ts';
import { asksForRetry, isIdempotent, mayRetryFailure, mayRetryReply, reasonOf } from './retry.ts';
import { pushbackMs } from './retry-after.ts';
import { Retrying } from './retrying.ts';
import type { Rule, RuleBackend, TimeoutSettings } from './rule.ts';
import { RuleTrial } from './rule-trial.ts';
import type { Sessions } from './sessions.ts';
import { reportAttempt, reportInbound } from './spans.ts';
import { readTrace } from './trace.ts';
import type { TrafficStats } from './traffic-stats.ts';
import type { Tries } from './tries.ts';
import { mayUpgrade } from './upgrade.ts';
import { UpstreamTry } from './upstream-try.ts';

/**
 * One request and its reply: route, pick, try, perhaps try again, relay. Reused by its downstream connection for every
 * request it brings, so every field is set in `begin`.
 *
 *   idle -> waiting (for endpoints, a connection, or the pause before a retry) -> sent -> replying -> idle
 *                                                                                 |-> held -'
 *                                                                                 '-> tunnel -> idle
 *
 * Long, because all of it turns on that phase: what happens to bodies, heads, tries and deadlines is different in each, and
 * whoever changes one of them has to see the others. What can do without the phase stands in files of its own.
 */
type Phase = 'idle' | 'waiting' | 'sent' | 'held' | 'replying' | 'tunnel';

const clientClosedRequest = 499;
const noBody: Buffer = Buffer.alloc(0);

export class Exchange implements Hedged, ReplyTaker {
  readonly trace = new TraceContext();
  readonly direction: Direction;
  readonly caller: Caller;
  readonly #context: WorkerContext;
  readonly #ownDownstream: Downstream;
  readonly #deadlines: Deadlines;
  readonly #retrying: Retrying;
  readonly #tries: Tries;
  readonly #trial = new RuleTrial();
  #try = new UpstreamTry(this.#trial);

  /** What goes on; `asked` is what came. */
  head: RequestHead;
  isUpgrade = false;
  heldBody: Buffer = noBody;
  isRequestWhole = false;
  requestTrailers: Head | null = null;

  ruleName = '';
  backend: RuleBackend | null = null;
  startMs = 0;
  /** Status sent, or 0 while there is none. */
  status = 0;

  #phase: Phase = 'idle';
  /** The caller, or what translates for it. */
  #downstream: Downstream;
  /** Of a request whose body is text, else null. */
  #text: Base64Decoder | null = null;
  readonly #filtering: Filtering;
  /** Directions of a tunnel that still carry bytes. */
  #openEnds = 2;
  /** Null where bytes are carried that are no request: their connection books itself. */
  #stats: TrafficStats | null = null;
  /** Waits until the instances of its service are told of. */
  #awaitsEndpoints = false;
  /** Null where the rule keeps none. */
  #sessions: Sessions<RuleBackend> | null = null;
  /** Where the session of the request is, for its first try. */
  #pinned: PooledEndpoint | null = null;
  /** Copies of the request; null when there are none. */
  #mirrors: MirroredRequest | null = null;
  /** The second request, while it is not known whether it takes the place of the first. */
  #hedge: Hedge | null = null;
  readonly #held: HeldBody;
  readonly #heldReply: HeldReply;
  /** The reply that just ended is not wanted: another try follows. */
  #retriesWhenDone = false;
  #requestBytes = 0;
  #replyBytes = 0;

  constructor(context: WorkerContext, downstream: Downstream, direction: Direction, caller: Caller, head: RequestHead) {
    this.#context = context;
    this.#ownDownstream = downstream;
    this.#downstream = downstream;
    this.direction = direction;
    this.caller = caller;
    this.head = head;
    this.#filtering = new Filtering(head);
    this.#retrying = new Retrying(context, direction, this.trace);
    this.#tries = this.#retrying.tries;
    this.#held = new HeldBody(context.limits.replayBytes);
    this.#heldReply = new HeldReply(context, this);
    this.#deadlines = new Deadlines(context.wheel, () => this.#onDeadline());
  }

  get asked(): RequestHead {
    return this.#filtering.asked;
  }

  get endpoint(): PooledEndpoint | null {
    return this.#try.endpoint;
  }

  get borrowsReply(): boolean {
    return this.#downstream.borrows;
  }

  /** Who takes the request writes bytes that last as they are. */
  get borrowsRequest(): boolean {
    return this.#try.connection?.borrows ?? false;
  }

  get remainingMs(): number {
    const { requestAtMs } = this.#deadlines;
    return requestAtMs === 0 ? 0 : Math.max(1, requestAtMs - this.#context.now());
  }

  get attempts(): number {
    return this.#try.number;
  }

  get attempt(): number {
    return this.#tries.number;
  }

  get attemptStartMs(): number {
    return this.#try.startMs;
  }

  get breakerCause(): BreakerCause | null {
    return this.#try.breakerCause;
  }

  /** A request has arrived; its body follows by `onRequestBody` and `onRequestEnd`. */
  begin(head: RequestHead, isWhole: boolean): void {
    const context = this.#context;
    const nowMs = context.now();
    this.head = head;
    this.isUpgrade = isWhole && mayUpgrade(head);
    this.heldBody = noBody;
    this.isRequestWhole = isWhole;
    this.requestTrailers = null;
    this.#openEnds = 2;
    this.startMs = this.#try.startMs = nowMs;
    this.#deadlines.begin(nowMs);
    this.status = 0;
    this.#phase = 'waiting';
    this.#downstream = this.#ownDownstream;
    this.#text = null;
    this.#try.connection = null;
    this.#try.number = 0;
    this.#held.begin();
    this.#retriesWhenDone = false;
    this.#requestBytes = 0;
    this.#replyBytes = 0;
    readTrace(this.trace, head, context);
    this.#retrying.begin(head);
    if (this.direction === 'inbound') this.#enterSpan();

    const rule = this.#match(head);
    const place = rule?.sessions?.placeOf(head, nowMs) ?? null;
    const backend = rule === null ? null : rule.admit(this.#trial, place?.backend ?? null, nowMs);
    this.#sessions = rule === null ? null : rule.sessions;
    this.#pinned = place !== null && place.backend === backend ? place.endpoint : null;
    this.ruleName = rule === null ? '' : rule.name;
    this.backend = backend;
    this.#stats = backend?.stats ?? rule?.stats ?? context.snapshot.unmatched[this.direction];
    this.#stats.onStart();
    this.#filtering.begin(head, rule, backend);
    if (head.grpcWebField !== -1 && (backend === null || backend.speaksGrpc)) this.#translate();
    if (head.maxForwards === 0) return this.#answerItself(head);
    const answer = this.#filtering.answer(this.caller);
    if (answer !== null) return this.#reply(answer);
    if (rule === null) return this.#replyLocally('route_not_found');
    if (backend === null) return this.#replyLocally('no_backend');
    const refusal = rule.limits === null ? null : rule.limits.refusalOf(this.head, this.caller, nowMs);
    if (refusal !== null) return this.#reply(rateLimited(refusal, this.head));

    // Another proxy's retry allows no further ones here, or they would multiply from hop to hop.
    if (this.#tries.came === 1) backend.budget.onRequest(nowMs);
    backend.hedge?.budget.onRequest(nowMs);
    this.#limit(nowMs, backend.timeouts);
    const leftMs = callersTimeMs(this.head);
    if (leftMs === 0) return this.#replyLocally('deadline_exceeded');
    if (leftMs !== null) this.#deadlines.limitRequest(nowMs, leftMs);
    if (rule.mirroring !== null) this.#mirror(rule.mirroring);
    this.head = this.#filtering.request(this.head);
    this.#start(nowMs, this.#filtering.delayMs());
  }

  /** Goes on to the first try, or to what a filter has in place of it. */
  #start(nowMs: number, delayMs: number): void {
    if (delayMs > 0) {
      this.#deadlines.activeMs = this.#deadlines.retryAtMs = nowMs + delayMs;
      return this.#deadlines.arm(this.backend!.timeouts);
    }
    const abort = this.#filtering.abort();
    if (abort === null) this.#attempt(nowMs);
    else this.#reply(abort);
  }

  #limit(nowMs: number, { requestMs, maxStreamMs }: TimeoutSettings): void {
    this.#deadlines.limitRequest(nowMs, requestMs);
    this.#deadlines.limitRequest(nowMs, maxStreamMs);
  }

  #mirror(mirroring: Mirroring): void {
    const mirrors = mirroring.begin(this, this.#context);
    this.#mirrors = mirrors;
    if (mirrors !== null) this.#downstream = mirrors.watch(this.#downstream);
  }

  /** A call of gRPC-Web is one of gRPC from here on. */
  #translate(): void {
    const call = new GrpcWebCall(this.#downstream, this.head);
    this.head = call.head;
    this.isUpgrade = false;
    this.#text = call.text;
    this.#downstream = call;
  }

  /**
   * Answers in the application's place, since the request may go no further (RFC 9110 §7.6.2). A TRACE is not shown to
   * its sender: what is in it may be a secret that a script could not read otherwise (RFC 9110 §9.3.8).
   */
  #answerItself(head: RequestHead): void {
    if (head.method === 'TRACE') this.#replyLocally('not_implemented', 'TRACE is not answered here');
    else this.#replyLocally('max_forwards');
  }

  /** A span of our own stands in the trace only where it is reported: else the next one would name a parent nobody has. */
  #enterSpan(): void {
    if (this.trace.isSampled && this.#context.recordsSpans) this.trace.newSpan();
  }

  #match(head: RequestHead): Rule | null {
    const { snapshot } = this.#context;
    if (this.direction === 'inbound') return snapshot.inbound;
    return snapshot.rulesFor(head.host)?.match(head) ?? null;
  }

  // --- the request's body -------------------------------------------------------------------------------------------

  onRequestBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    if (this.#text === null) this.#takeBody(bytes, from, to, isLasting);
    else this.#takeText(this.#text.decode(bytes, from, to));
  }

  #takeText(decoded: Buffer | null): void {
    if (decoded === null) return this.#breakOff('a body that is not base64');
    if (decoded.length > 0) this.#takeBody(decoded, 0, decoded.length, true);
  }

  #takeBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    this.#requestBytes += to - from;
    this.#deadlines.activeMs = this.#context.now();
    const connection = this.#try.connection;
    if (this.#held.isComplete) this.#hold(bytes, from, to, connection !== null);
    this.#mirrors?.take(bytes, from, to);
    connection?.sendBody(bytes, from, to, isLasting);
  }

  /** Lets go what `onRequestBody` put together: one write for all that one read brought, however it was cut. */
  flushRequest(): void {
    const connection = this.#try.connection;
    if (connection === null) return;
    connection.flushRequest();
    if (connection.isBlocked) this.#downstream.pauseRequest();
  }

  #hold(bytes: Buffer, from: number, to: number, isSent: boolean): void {
    this.#held.add(bytes, from, to);
    if (!this.#held.isOverBound) return;
    // Without a connection nothing can leave, so what is beyond the bound has to wait in the caller's socket.
    if (isSent) this.#held.forget();
    else this.#downstream.pauseRequest();
  }

  onRequestEnd(trailers: Head | null): void {
    if (this.#text !== null && !this.#text.isWhole) return this.#breakOff('base64 that is cut short');
    this.isRequestWhole = true;
    this.requestTrailers = trailers === null ? null : keepHead(trailers);
    this.#try.connection?.sendEnd(trailers);
    this.#mirrors?.end(trailers);
  }

  /** The body makes no sense from here on. */
  #breakOff(detail: string): void {
    if (this.#phase === 'idle' || this.refuse('bad_request', detail)) return;
    this.#abandon(null);
    this.#cut('bad_request');
  }

  onUpstreamDrain(): void {
    this.#downstream.resumeRequest();
  }

  // --- tries --------------------------------------------------------------------------------------------------------

  #attempt(nowMs: number): void {
    const backend = this.backend!;
    const port = this.head.connectPort;
    const { cluster, tunnels, hashKey } = backend;
    const keyHash = hashKey === null ? noKey : hashKey(this.asked, this.caller);
    const tried = this.#tries.endpoints;
    const picked =
      port !== 0
        ? tunnels.pickForTunnel(port, tried, nowMs)
        : this.#pinned !== null && tried.length === 0 && mayServe(this.#pinned, nowMs)
          ? this.#pinned
          : cluster.pick(keyHash, tried, nowMs);
    if (typeof picked === 'string') {
      if (picked === 'endpoints_unknown') return this.#awaitEndpoints();
      const other = picked === 'breaker_open' && port === 0 ? takeFallback(backend, nowMs) : null;
      if (other === null) return this.#replyLocally(picked);
      this.backend = other;
      this.head = this.#filtering.moveTo(other);
      return this.#attempt(nowMs);
    }
    this.#tries.onStart(picked);
    this.#try.begin(picked, nowMs);
    this.#try.number = this.#tries.count;
    const { perTryMs } = backend.timeouts;
    this.#deadlines.activeMs = nowMs;
    this.#deadlines.retryAtMs = 0;
    this.#deadlines.tryAtMs = perTryMs > 0 ? nowMs + perTryMs : 0;
    if (this.direction === 'outbound') this.#enterSpan();
    this.#phase = 'waiting';
    if (backend.hedge !== null && this.#tries.count === 1)
      this.#deadlines.hedgeAtMs = hedgeAtMs(backend.hedge, this, nowMs);
    this.#deadlines.arm(backend.timeouts);
    const connection = port === 0 ? this.#try.acquire(this) : this.#try.acquireForTunnel(this);
    if (connection === null) return;
    if (typeof connection === 'string') this.#onAttemptFailed(connection);
    else this.onConnection(connection);
  }

  #awaitEndpoints(): void {
    const backend = this.backend!;
    if (knownBackend(backend) !== null) return this.onEndpoints();
    this.#phase = 'waiting';
    this.#awaitsEndpoints = tryAwaitEndpoints(this, backend, this.#deadlines, this.#context);
    if (!this.#awaitsEndpoints) this.#replyLocally(backend.load.refuse('pending'));
  }

  onEndpoints(): void {
    this.#awaitsEndpoints = false;
    const known = knownBackend(this.backend!);
    if (known === null) return this.#replyLocally('endpoints_unknown');
    const nowMs = this.#context.now();
    this.backend = known;
    if (this.#sessions !== null) this.#findSession(nowMs);
    this.#attempt(nowMs);
  }

  /** Looks for the session of the request once more, among instances that were not known when it came. */
  #findSession(nowMs: number): void {
    this.#sessions = this.#match(this.asked)?.sessions ?? null;
    const place = this.#sessions?.placeOf(this.asked, nowMs) ?? null;
    if (place === null) return;
    this.#pinned = place.endpoint;
    this.backend = place.backend;
    this.head = this.#filtering.moveTo(place.backend);
  }

  onConnection(connection: UpstreamConnection): void {
    this.#try.connection = connection;
    this.#phase = 'sent';
    this.heldBody = this.#held.bytes;
    connection.begin(this);
    this.heldBody = noBody;
    if (this.#try.connection !== connection) return; // it has failed at once, and the next request may be here
    const { retry, hedge } = this.backend!;
    if (this.#held.isOverBound || (retry.attempts === 0 && hedge === null)) this.#held.forget();
    if (!this.isRequestWhole && !connection.isBlocked) this.#downstream.resumeRequest();
  }

  onConnectionFailure(code: ErrorCode): void {
    this.#onAttemptFailed(code);
  }

  onUpstreamFailure(code: ErrorCode, isStale: boolean): void {
    this.#try.connection = null;
    if (this.#phase === 'sent' || this.#phase === 'held') {
      this.#heldReply.drop();
      if (!isStale || this.#hedge !== null || !this.#retriesStale(code)) this.#onAttemptFailed(code);
      return;
    }
    // The reply had begun: it cannot be taken back, so it must not look whole (RFC 9112 §8).
    this.#settle(code, 'failure');
    this.#cut(code);
  }

  /**
   * The instance closed an idle connection just as the request was sent on it (RFC 9112 §9.3.1). That blames nobody and
   * costs none of the tries, but happens once only: after that it is a connection that breaks.
   */
  #retriesStale(code: ErrorCode): boolean {
    const { retry } = this.backend!;
    if (!retry.onStale || !isIdempotent(this.head, retry)) return false;
    const isHere = this.#held.isComplete || (this.isRequestWhole && this.#requestBytes === 0);
    const nowMs = this.#context.now();
    if (!isHere || !this.#tries.anotherForStale(this.backend!, nowMs)) return false;
    this.#settle(code, 'none');
    this.#attempt(nowMs);
    return true;
  }

  #onAttemptFailed(code: ErrorCode): void {
    this.#try.connection = null;
    this.#settle(code, errorTable[code].origin === 'upstream' ? 'failure' : 'none');
    if (this.#hedge === null) this.#retryOrReply(code);
    else this.#followHedge(this.#hedge);
  }

  #retryOrReply(code: ErrorCode): void {
    const isAllowed = mayRetryFailure(code, this.head, this.backend!.retry) && this.#retrying.mayTryAgain(code);
    if (isAllowed && this.#planRetry(code, 0)) this.#startRetry();
    else this.#replyLocally(code);
  }

  /** Plans another try if the body is still here, and number, deadline and budget allow it; `askedMs` as `Tries` means it. */
  #planRetry(cause: string, askedMs: number): boolean {
    if (!this.#held.isComplete) return false;
    const nowMs = this.#context.now();
    const pauseMs = this.#tries.another(this.backend!, cause, nowMs, this.#deadlines.requestAtMs, askedMs);
    if (pauseMs === -1) return false;
    this.#deadlines.endTry(); // it must not end the pause
    this.#deadlines.retryAtMs = nowMs + pauseMs;
    return true;
  }

  #startRetry(): void {
    const nowMs = this.#context.now();
    this.#phase = 'waiting';
    if (this.#deadlines.retryAtMs <= nowMs + 1) this.#attempt(nowMs);
    else this.#deadlines.arm(this.backend!.timeouts);
  }

  /** The try is over: the endpoint learns how it went, and a sampled trace gets its span. */
  #settle(failure: ErrorCode | null, verdict: 'failure' | 'none'): void {
    if (!this.#try.isOpen) return;
    const nowMs = this.#context.now();
    this.#try.end(verdict === 'failure', nowMs);
    this.#reportTry(failure);
  }

  #reportTry(failure: ErrorCode | null): void {
    if (this.trace.isSampled && this.direction === 'outbound' && this.#context.recordsSpans)
      reportAttempt(this, failure, this.status, this.#context.now(), this.#context);
  }

  /** Leaves the try without a verdict: its connection is closed, or it waits for one no longer. */
  #abandon(failure: ErrorCode | null): void {
    if (!this.#try.isOpen) return;
    this.#try.leave();
    this.#settle(failure, failure === null ? 'none' : 'failure');
  }

  // --- a second request while the first is slow ---------------------------------------------------------------------

  #startHedge(): void {
    const isHere = this.isRequestWhole && this.#held.isComplete && !this.#held.isOverBound;
    if (!isHere || !this.#retrying.mayTryAgain(null) || !isIdempotent(this.head, this.backend!.retry)) return;
    this.#hedge = planHedge(this, this.backend!, this.#tries, this.#held.bytes, this.#context);
    this.#hedge?.begin();
  }

  onHedgeWon(hedge: Hedge): void {
    this.#observeLatency();
    this.#try.leave();
    this.#try.lose(this.#context.now());
    this.#reportTry(null);
    this.#followHedge(hedge);
  }

  onHedgeFailed(): void {
    this.#hedge = null;
    this.backend!.stats.onHedge('failed');
  }

  /** The first request has a reply, which the second one is let off for; if it is a failure, the second one is waited for. */
  #yieldsToHedge(hedge: Hedge, head: ReplyHead): boolean {
    if (!asksForRetry(head, this.backend!.retry)) {
      this.#dropHedge(hedge);
      return false;
    }
    this.#try.onStatus(head.status, this.#context.now());
    this.status = head.status;
    this.#settle(null, 'none');
    this.status = 0;
    this.#followHedge(hedge);
    return true;
  }

  /** The second request is the one that counts. The first one is over. */
  #followHedge(hedge: Hedge): void {
    this.backend!.stats.onHedge('won');
    this.#hedge = null;
    this.#try = hedge.try;
    this.#try.join(this.#trial);
    this.trace.copyFrom(hedge.trace);
    this.#phase = this.#try.connection === null ? 'waiting' : 'sent';
    const { perTryMs } = this.backend!.timeouts;
    this.#deadlines.tryAtMs = perTryMs > 0 ? this.#try.startMs + perTryMs : 0;
    hedge.lead();
    this.#deadlines.arm(this.backend!.timeouts);
  }

  #dropHedge(hedge: Hedge): void {
    this.#hedge = null;
    hedge.cancel();
    this.backend!.stats.onHedge('lost');
  }

  #observeLatency(): void {
    const nowMs = this.#context.now();
    this.backend!.hedge!.latency.observe(nowMs - this.#try.startMs, nowMs);
  }

  // --- the reply ----------------------------------------------------------------------------------------------------

  onInterim(head: ReplyHead): void {
    if (this.head.minorVersion === 1) this.#downstream.sendInterim(head);
  }

  onReplyHead(head: ReplyHead, hasBody: boolean): boolean {
    const status = head.status;
    const nowMs = this.#context.now();
    this.#deadlines.activeMs = nowMs;
    const endpoint = this.endpoint!;
    const { retry, hedge } = this.backend!;
    const hasFailed = (status >= 502 && status <= 504) || (this.head.isGrpc && head.meshlaneReasonField !== -1);
    const isAsking = hasFailed || status >= 400 || retry.fields.length > 0;
    if (hedge !== null) {
      if (status < 500) this.#observeLatency();
      if (this.#hedge !== null && this.#yieldsToHedge(this.#hedge, head)) return false;
    }
    if (isAsking && this.#retriesReply(head, hasFailed)) return false;
    if (!hasFailed && endpoint.backoffUntilMs > 0 && endpoint.backoffUntilMs <= nowMs) endpoint.pool.onReached();
    if (this.head.isGrpc && this.#takesGrpcHead(head, hasBody)) return this.#phase === 'held';
    this.#try.onHead(status, nowMs, this.head.isGrpc);
    this.#beginReply(isAsking ? this.#retrying.mark(head, this.backend!) : head, hasBody);
    return true;
  }

  #beginReply(head: ReplyHead, hasBody: boolean): void {
    this.#phase = 'replying';
    this.#tries.end();
    this.#trial.onPassedOn(this.#context.now());
    this.#deadlines.endTry();
    this.status = head.status;
    const passed = this.#filtering.reply(head);
    const sessions = head.status < 500 ? this.#sessions : null;
    this.#downstream.sendHead(
      sessions?.mark(passed, this.asked, this.endpoint!, this.#context.now()) ?? passed,
      hasBody,
    );
  }

  // --- gRPC: a reply says in its last fields how the call went ------------------------------------------------------

  /** True when the head is not passed on now: it is held, or the call is tried again. */
  #takesGrpcHead(head: ReplyHead, hasBody: boolean): boolean {
    const status = grpcStatusAt(head, head.grpcStatusField);
    if (status !== -1) {
      if (this.#retriesGrpc(status, pushbackMs(head))) {
        this.#retryAfter(status);
        return true;
      }
      this.#onGrpcStatus(status);
      return false;
    }
    // Who sends more only after it has the head must not wait for it.
    if (!hasBody || !this.isRequestWhole || !this.#mayRetryGrpc) return false;
    this.#try.onHead(head.status, this.#context.now(), true);
    this.#phase = 'held';
    this.#heldReply.begin(keepReplyHead(head), hasBody);
    this.#deadlines.endTry();
    this.#deadlines.releaseAtMs = this.#context.now() + mostHoldMs;
    this.#deadlines.arm(this.backend!.timeouts);
    return true;
  }

  get #mayRetryGrpc(): boolean {
    return this.#held.isComplete && this.backend!.retry.grpcStatuses.size > 0;
  }

  /** Plans another try after this status, if the policy asks for it and all else allows it. */
  #retriesGrpc(status: number, askedMs: number): boolean {
    return (
      this.#mayRetryGrpc &&
      this.backend!.retry.grpcStatuses.has(status) &&
      this.#retrying.mayTryAgain(null) &&
      this.#planRetry(`grpc_${status}`, askedMs)
    );
  }

  /** The status counts for the instance, too. */
  #retryAfter(status: number): void {
    this.#try.connection = null;
    this.#try.onStatus(httpStatusOf(status), this.#context.now());
    this.#settle(null, 'none');
    this.#startRetry();
  }

  #onGrpcStatus(status: number): void {
    this.#stats?.onGrpcStatus(status);
    const nowMs = this.#context.now();
    this.#try.onStatus(httpStatusOf(status), nowMs);
    this.#trial.onPassedOn(nowMs);
  }

  takeHeldReply(head: ReplyHead, hasBody: boolean, pieces: readonly Buffer[]): void {
    this.#beginReply(head, hasBody);
    for (const piece of pieces) this.#downstream.sendBody(piece, 0, piece.length, true);
  }

  /**
   * Tries again after a reply that the policy names, or by which the next proxy says that nothing reached its application:
   * then any method may go again, and the endpoint is avoided, as after a failed connect.
   */
  #retriesReply(head: ReplyHead, hasFailed: boolean): boolean {
    const { retry } = this.backend!;
    const reason = head.meshlaneReasonField === -1 ? null : reasonOf(head.valueAt(head.meshlaneReasonField));
    if (reason === 'upstream_connect') this.endpoint!.pool.onUnreachable();
    const askedMs = this.#retrying.heedPause(head, this.endpoint!, this.backend!);
    if (!mayRetryReply(head, reason, this.head, retry)) return false;
    // A proxy nearer to the fault has tried again already.
    const isTried = head.meshlaneTriesField !== -1;
    if (!this.#retrying.mayTryAgain(reason, isTried) || !this.#planRetry(reason ?? `status_${head.status}`, askedMs))
      return false;
    this.#try.connection = null;
    this.status = head.status;
    this.#try.onStatus(hasFailed ? Math.max(head.status, 502) : head.status, this.#context.now()); // a reply to gRPC says 200
    this.#settle(reason, hasFailed ? 'failure' : 'none');
    this.status = 0;
    this.#startRetry();
    return true;
  }

  onReplyBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    this.#replyBytes += to - from;
    this.#try.onBody(this.#context.now());
    if (this.#phase === 'held') return this.#heldReply.add(bytes, from, to);
    this.#downstream.sendBody(bytes, from, to, isLasting);
  }

  flushReply(): boolean {
    this.#deadlines.activeMs = this.#context.now();
    this.#downstream.flush();
    return !this.#downstream.isBlocked;
  }

  onReplyEnd(trailers: Head | null): void {
    this.#try.connection = null;
    if (this.head.isGrpc && this.#retriesAtEnd(trailers)) return;
    this.#downstream.sendEnd(trailers);
  }

  #retriesAtEnd(trailers: Head | null): boolean {
    const status = grpcStatusIn(trailers);
    if (this.#phase === 'held') {
      this.#retriesWhenDone = this.#retriesGrpc(status, trailers === null ? 0 : pushbackMs(trailers));
      if (this.#retriesWhenDone) {
        this.#heldReply.drop();
        this.#try.onStatus(httpStatusOf(status), this.#context.now());
        return true;
      }
      this.#heldReply.release();
    }
    if (status !== -1) this.#onGrpcStatus(status);
    return false;
  }

  onReplyDone(): void {
    if (this.#retriesWhenDone) return this.#tryAgain();
    this.#try.onWhole(this.#context.now());
    this.#settle(null, 'none');
    this.#finish(this.status);
    this.#downstream.onExchangeComplete();
  }

  #tryAgain(): void {
    this.#retriesWhenDone = false;
    this.#settle(null, 'none');
    this.#startRetry();
  }

  onDownstreamDrain(): void {
    this.#try.connection?.resumeReply();
  }

  #replyLocally(code: ErrorCode, detail = ''): void {
    const own = code === 'breaker_open' ? this.backend!.breakerReply : localReply(code, detail);
    this.#reply(this.backend === null ? own : this.#retrying.markOwn(own, this.backend));
  }

  #reply(own: LocalReply): void {
    const reply = this.#filtering.complete(own);
    const code = reply.reason;
    this.#stats?.onLocalReply(code);
    if (this.head.isGrpc) this.#stats?.onGrpcStatus(grpcStatusOf(reply));
    this.status = reply.status;
    this.#try.connection = null;
    // A request that found no endpoint to try still has to show in its trace.
    if (this.attempts === 0 && this.trace.isSampled && this.direction === 'outbound' && this.#context.recordsSpans) {
      this.#enterSpan();
      const failure = reply.status < 400 ? null : code;
      reportAttempt(this, failure, reply.status, this.#context.now(), this.#context);
    }
    this.#finish(reply.status);
    this.#downstream.sendLocal(reply);
    this.#downstream.onExchangeComplete();
  }

  /** Books the request; the exchange is idle afterwards. */
  #finish(code: number): void {
    const nowMs = this.#context.now();
    // No request follows a tunnel, and its caller may be gone already: nobody else takes the timer out.
    if (this.#phase === 'tunnel') this.#deadlines.remove();
    else this.#deadlines.disarm();
    this.#phase = 'idle';
    this.#stats?.onEnd(code, nowMs - this.startMs, this.#requestBytes, this.#replyBytes);
    if (this.trace.isSampled && this.direction === 'inbound' && this.#context.recordsSpans)
      reportInbound(this, code, nowMs, this.#context);
    if (this.#hedge !== null) this.#dropHedge(this.#hedge);
    if (this.#awaitsEndpoints) this.#context.awaited.leave(this.backend!.cluster.service, this);
    this.#awaitsEndpoints = false;
    this.#try.endpoint = null;
    this.#pinned = null;
    this.#tries.end();
    this.#trial.end(nowMs);
    this.#held.forget();
    this.#heldReply.drop();
    this.#mirrors?.leave();
    this.#mirrors = null;
    this.head = this.asked;
    this.#filtering.end();
  }

  // --- tunnels -----------------------------------------------------------------------------------------

  /**
   * Carries bytes that are no request, and nothing else in its life: to any instance of the backend. Its head is one whose
   * `connectPort` is `anyPort`.
   */
  beginTunnel(backend: RuleBackend): void {
    this.isRequestWhole = true;
    backend.budget.onRequest(this.#context.now());
    this.#beginAt(backend);
  }

  /** Carries a copy of another exchange's request, and nothing else in its life. What came before of its body is held. */
  beginCopy(backend: RuleBackend): void {
    this.#stats = backend.stats;
    this.#stats.onStart();
    this.#beginAt(backend);
  }

  #beginAt(backend: RuleBackend): void {
    const nowMs = this.#context.now();
    this.backend = backend;
    this.#filtering.begin(this.head, null, backend);
    this.head = this.#filtering.request(this.head);
    this.startMs = nowMs;
    this.#deadlines.begin(nowMs);
    this.#limit(nowMs, backend.timeouts);
    this.#deadlines.limitRequest(nowMs, callersTimeMs(this.head) ?? 0);
    this.#attempt(nowMs);
  }

  onUpgrade(head: ReplyHead): void {
    // The key of a request over HTTP/2 is ours, so nobody else can tell whether it was answered (RFC 6455 §4.1).
    if (this.head.isHttp2 && !isAccepted(this.head, head)) {
      this.#try.connection!.abort();
      return this.#onAttemptFailed('upstream_protocol');
    }
    this.#enterTunnel(101);
    this.#downstream.sendUpgrade(this.#filtering.reply(head));
    this.#downstream.resumeRequest();
  }

  onTunnelOpen(): void {
    this.#enterTunnel(200);
    this.#downstream.sendTunnelOpen();
    this.#downstream.resumeRequest();
  }

  #enterTunnel(status: number): void {
    this.#phase = 'tunnel';
    this.#tries.end();
    this.status = status;
    const { maxStreamMs } = this.backend!.timeouts;
    this.#deadlines.tryAtMs = 0;
    this.#deadlines.requestAtMs = maxStreamMs > 0 ? this.startMs + maxStreamMs : 0;
    this.#try.onUpgrade(this.#context.now());
  }

  onTunnelEnd(): void {
    this.#openEnds--;
    this.#downstream.endTunnel();
  }

  onTunnelBytes(bytes: Buffer, isLasting: boolean): void {
    this.#requestBytes += bytes.length;
    this.#deadlines.activeMs = this.#context.now();
    const connection = this.#try.connection;
    if (connection === null) return;
    connection.sendBody(bytes, 0, bytes.length, isLasting);
    this.flushRequest();
  }

  onDownstreamTunnelEnd(): void {
    this.#openEnds--;
    this.#try.connection?.endTunnel();
  }

  // --- endings ------------------------------------------------------------------------------------------------------

  /** The caller is gone, or broke its own framing: nothing can be sent to it any more. */
  onDownstreamClosed(): void {
    // Both have said all they had to say, but the instance may still have to take the last of it.
    if (this.#phase === 'tunnel' && this.#openEnds === 0) return;
    if (this.#phase !== 'idle') {
      this.#mirrors?.cancel();
      this.#abandon(null);
      this.#finish(this.#phase === 'tunnel' ? this.status : clientClosedRequest);
    }
    this.#deadlines.remove();
  }

  /** Refuses what is left of a request whose body is broken; false when the reply has begun already. */
  refuse(code: ErrorCode, detail: string): boolean {
    if (this.#phase === 'replying' || this.#phase === 'tunnel') return false;
    this.#abandon(null);
    this.#replyLocally(code, detail);
    return true;
  }

  /** A head that was refused before it became a request of ours still shows in the metrics. */
  countRefusal(code: ErrorCode, status: number): void {
    const stats = this.#context.snapshot.unmatched[this.direction];
    stats.onStart();
    stats.onLocalReply(code);
    stats.onEnd(status, 0, 0, 0);
  }

  #onDeadline(): void {
    if (this.#phase === 'idle') return;
    const nowMs = this.#context.now();
    const { timeouts } = this.backend!;
    switch (this.#deadlines.expiry(nowMs, timeouts)) {
      case 'request':
        return this.#expire('request_timeout');
      case 'try':
        return this.#expireTry();
      case 'idle':
        return this.#expire(this.#awaitsUpstream() ? 'upstream_timeout' : 'body_idle_timeout');
      case 'retry':
        if (this.#awaitsEndpoints) return this.#replyLocally('endpoints_unknown');
        return this.attempts === 0 ? this.#start(nowMs, 0) : this.#attempt(nowMs);
      case 'release':
        this.#deadlines.releaseAtMs = 0;
        if (this.#phase === 'held') this.#heldReply.releaseAlone();
        return this.#deadlines.arm(timeouts);
      case 'hedge':
        this.#deadlines.hedgeAtMs = 0;
        this.#startHedge();
        return this.#deadlines.arm(timeouts);
      default:
        this.#deadlines.arm(timeouts);
    }
  }

  /**
   * Whose silence it is that a timeout ends. The instance is waited for when it has the whole request or does not take
   * more of it, as long as there is no connection to it, and while it replies to a caller that reads; in a tunnel both
   * sides may be silent for good.
   */
  #awaitsUpstream(): boolean {
    if (this.#phase === 'tunnel') return false;
    if (this.#phase === 'replying') return !this.#downstream.isBlocked;
    return this.isRequestWhole || this.#try.connection === null || this.#try.connection.isBlocked;
  }

  #expireTry(): void {
    if (!this.#awaitsUpstream()) {
      // The time of a try is the instance's: it does not run while the caller sends (Envoy does the same).
      const { timeouts } = this.backend!;
      this.#deadlines.tryAtMs = this.#context.now() + timeouts.perTryMs;
      return this.#deadlines.arm(timeouts);
    }
    const code = this.#try.timeoutCode;
    this.#abandon(code === 'overloaded' ? null : code);
    if (this.#hedge === null) this.#retryOrReply(code);
    else this.#followHedge(this.#hedge);
  }

  /** The whole exchange took too long. */
  #expire(code: ErrorCode): void {
    const hadBegun = this.#phase === 'replying' || this.#phase === 'tunnel';
    const isBlamed = errorTable[code].origin === 'upstream' && this.#awaitsUpstream() && !this.#try.isQueued;
    this.#abandon(isBlamed ? code : null);
    if (hadBegun) this.#cut(code);
    else this.#replyLocally(code);
  }

  /** The reply had begun, so all that can be said is that it is not whole. */
  #cut(code: ErrorCode): void {
    this.#stats?.onCut(code);
    this.#finish(this.status);
    this.#downstream.abort(code);
  }
}
