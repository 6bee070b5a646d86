import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import { type ErrorCode, errorTable } from '../../shared/errors/error-table.ts';
import { FieldName } from '../message/field-name.ts';
import { withField } from '../message/keep-head.ts';
import { type LocalReply, withTries } from '../message/local-reply.ts';
import type { ReplyHead } from '../message/reply-head.ts';
import type { RequestHead } from '../message/request-head.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { attemptOf } from './callers-context.ts';
import type { Direction } from './direction.ts';
import { asksForRetry } from './retry.ts';
import { retryAfterMs } from './retry-after.ts';
import type { RuleBackend } from './rule.ts';
import { Tries } from './tries.ts';

const serviceUnavailable = 503;
/** Longest time that an instance is avoided because it asked for it. */
const mostAvoidedMs = 30_000;

/**
 * The tries of one request among those of all proxies on its way: what others have tried is not tried again here, and
 * others hear of what was tried here.
 */
export class Retrying {
  readonly tries = new Tries();
  readonly #context: WorkerContext;
  readonly #direction: Direction;
  readonly #trace: TraceContext;

  constructor(context: WorkerContext, direction: Direction, trace: TraceContext) {
    this.#context = context;
    this.#direction = direction;
    this.#trace = trace;
  }

  /** A request has arrived, and its trace is read. */
  begin(head: RequestHead): void {
    this.tries.begin(this.#cameAs(head));
  }

  /** Which try of another proxy's a request is; it is one, too, when a retry has caused it. */
  #cameAs(head: RequestHead): number {
    const came = head.attemptField === -1 ? 1 : attemptOf(head);
    const { traceMarks, now } = this.#context;
    if (this.#direction === 'outbound') return came === 1 && traceMarks.retries.has(this.#trace, now()) ? 2 : came;
    if (came > 1) traceMarks.retries.mark(this.#trace, now());
    return came;
  }

  /** What another proxy tries again, before us or behind us, is not tried again here, unless it reached nobody. */
  mayTryAgain(cause: ErrorCode | null, isTriedBehind = false): boolean {
    return (this.tries.came === 1 && !isTriedBehind) || (cause !== null && errorTable[cause].retry === 'always');
  }

  /**
   * Reads the pause that a reply asks for; returns how long another try has to wait for it, in ms. A 503 speaks for its
   * instance, which is avoided for that long, so that another one may be asked at once; a 429 speaks for all of them.
   */
  heedPause(reply: ReplyHead, endpoint: PooledEndpoint, { cluster }: RuleBackend): number {
    const nowMs = this.#context.now();
    const askedMs = retryAfterMs(reply, performance.timeOrigin + nowMs);
    if (askedMs === 0 || reply.status !== serviceUnavailable) return askedMs;
    endpoint.avoidUntil(nowMs + Math.min(askedMs, mostAvoidedMs));
    return cluster.hasOther(this.tries.endpoints, nowMs) ? 0 : askedMs;
  }

  /**
   * The reply for the caller. One that could have been tried again tells proxies on its way that it was, or could not be; so
   * does the failure of an application that comes of such a reply.
   */
  mark(reply: ReplyHead, { retry }: RuleBackend): ReplyHead {
    if (this.#direction === 'inbound') return this.#markApplications(reply);
    const isMarked = reply.meshlaneTriesField !== -1;
    if (!isMarked && (retry.attempts === 0 || !asksForRetry(reply, retry))) return reply;
    this.#onTriesUsed();
    return isMarked ? reply : withField(reply, FieldName.meshlaneTries, 'x-meshlane-tries', String(this.tries.number));
  }

  #markApplications(reply: ReplyHead): ReplyHead {
    const { traceMarks, now } = this.#context;
    const isTried = reply.status >= 500 && traceMarks.failures.has(this.#trace, now());
    // Not by its number, by which fields of an application in our name stay behind.
    return isTried ? withField(reply, FieldName.other, 'x-meshlane-tries', '1') : reply;
  }

  /** The same for a reply of our own. */
  markOwn(reply: LocalReply, { retry }: RuleBackend): LocalReply {
    if (this.tries.count === 0 || errorTable[reply.reason].retry === 'never' || retry.attempts === 0) return reply;
    this.#onTriesUsed();
    return withTries(reply, this.tries.number);
  }

  #onTriesUsed(): void {
    if (this.#trace.hasParent) this.#context.traceMarks.failures.mark(this.#trace, this.#context.now());
  }
}
