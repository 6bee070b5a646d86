import type { Labels } from '../../resources/resource.ts';
import type { RuleRetry } from '../../resources/retry.ts';
import type { Workload } from '../source.ts';
import type { AskedRequest } from './asked-request.ts';

/** What becomes of a request, and why: as data that is printed, or sent as JSON. */
export type Explanation = {
  readonly request: AskedRequest;
  readonly caller: Workload;
  readonly host: HostChoice;
  /** Null when no rule holds. */
  readonly matched: ExplainedRule | null;
  /** Every other match that was considered, and the first reason why it lost. */
  readonly others: readonly (ExplainedRule & { readonly why: string })[];
  /** What the proxy answers by itself, whichever backend is drawn; null when the request goes to one. */
  readonly reply: {
    readonly code: 'route_not_found' | 'no_backend' | 'redirected' | 'direct_response';
    readonly status: number;
  } | null;
  /** What the rule has beside matches, backends, timeouts and retry: filters and the like, as it was written. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly backends: readonly ExplainedBackend[];
  /** Where it was a running proxy that was asked. */
  readonly live: {
    readonly revision: number;
    readonly workers: number;
    /** State of the rule’s breaker; null where it has none. */
    readonly breaker: string | null;
  } | null;
};

export type HostChoice = {
  /** The hostname whose routes hold, as it was written; null where it is a service, or nothing. */
  readonly routes: string | null;
  readonly why: string;
};

export type ExplainedRule = {
  /** Route and rule, as metrics and traces name them. */
  readonly name: string;
  /** The match in words. */
  readonly match: string;
};

/** A value and who says so: `rule`, `policy NAME` or `default`. */
export type Sourced<Value> = { readonly value: Value; readonly from: string };

export type ExplainedBackend = {
  readonly service: string;
  readonly labels: Labels;
  readonly weight: number;
  /** Its part of the rule's requests. */
  readonly percent: number;
  /** There is such a service. */
  readonly isThere: boolean;
  /** Why no request is served there; null when nothing speaks against it. */
  readonly problem: string | null;
  /** What else was written at it: filters and the like. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly timeouts: Readonly<Record<string, Sourced<string>>>;
  readonly retry: Sourced<RuleRetry>;
  readonly retryBudget: Sourced<object>;
  readonly balancer: Sourced<string>;
  /** Other sections of policies that hold, by name, with the policy that has them. */
  readonly policies: Readonly<Record<string, string>>;
  readonly endpoints: readonly ExplainedEndpoint[];
  /** Null where no worker was asked, as in the endpoints. */
  readonly live: Omit<LiveCluster, 'endpoints'> | null;
};

export type ExplainedEndpoint = {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly zone: string | null;
  /** What the instance says of itself: only those that are up get requests. */
  readonly status: string;
  /** Null, too, where the worker does not send. */
  readonly live: LiveEndpoint | null;
};

/** What a worker of a running proxy would do with a request now. */
export type LiveRule = {
  readonly revision: number;
  /** Name of the rule that holds; null when none does. */
  readonly rule: string | null;
  /** State of its breaker; null where it has none. */
  readonly breaker: string | null;
  /** The backends whose weight is above 0, in order; null for a service that is not there. */
  readonly backends: readonly (LiveCluster | null)[];
};

export type LiveCluster = {
  /** Who balances, and why. */
  readonly balancer: string;
  /** So few endpoints are well that it is ignored who is. */
  readonly isPanicking: boolean;
  /** The proxy was told of the instances, even if there are none. */
  readonly isKnown: boolean;
  readonly endpoints: readonly LiveEndpoint[];
};

export type LiveEndpoint = {
  readonly name: string;
  /** Requests go there now. */
  readonly isCandidate: boolean;
  /** Requests under way, of this worker. */
  readonly inFlight: number;
  /** What a request is likely to take; null where nobody measures, or nothing was measured yet. */
  readonly latencyMs: number | null;
  readonly isHealthy: boolean;
  readonly isEjected: boolean;
  /** Null where no policy asks for a breaker. */
  readonly breaker: string | null;
  /** Time for which no new connection is tried, because the last one failed. */
  readonly backoffMs: number;
};
