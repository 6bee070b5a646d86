/** When a breaker opens, and for how long. */
export type BreakerSettings = {
  /** Failures in a row that open it; Infinity turns it off. */
  readonly consecutiveFailures: number;
  /** Null where rates count for nothing. */
  readonly successRate: SuccessRateSettings | null;
  /** Doubled for each round of probes that fails, up to `maxOpenForMs`. */
  readonly openForMs: number;
  readonly maxOpenForMs: number;
  /** Part of that time, 0 to 1, by which chance makes it longer, so that proxies do not probe in step. */
  readonly jitter: number;
  /** Requests let through while it is half-open, all of which have to succeed. */
  readonly probes: number;
};

export type SuccessRateSettings = {
  /** Share of successes, 0 to 1, below which it opens. */
  readonly threshold: number;
  readonly windowMs: number;
  /** With fewer requests in the window there is no rate. */
  readonly minRequests: number;
};
