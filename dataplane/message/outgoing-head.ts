import type { TraceContext } from '../../observability/tracing/trace-context.ts';
import type { Caller } from './caller.ts';
import type { RequestHead } from './request-head.ts';

/** What the head of one try is made of. */
export type OutgoingHead = {
  readonly head: RequestHead;
  readonly caller: Caller;
  readonly trace: TraceContext;
  /** Keeps the Upgrade field, for a caller that may be switched over. */
  readonly isUpgrade: boolean;
  /** Time that is left for it, in ms; 0 when there is no end to it. */
  readonly remainingMs: number;
  /** Which try it is, counted over all proxies on its way; 1 for the first. */
  readonly attempt: number;
};
