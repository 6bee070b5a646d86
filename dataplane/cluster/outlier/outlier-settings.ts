/** What an endpoint was found to be; the words stand in metrics. */
export type OutlierReason =
  | 'consecutive_5xx'
  | 'consecutive_gateway_errors'
  | 'consecutive_local_origin_failures'
  | 'success_rate'
  | 'failure_percentage'
  | 'local_origin_success_rate'
  | 'local_origin_failure_percentage';

/** Whose rate a statistic is about: that of replies, or that of connections that could be made and used. */
export type OutlierOrigin = 'external' | 'local';

/** As in Envoy, with its defaults; per worker, so a volume is a worker's part of the one in the policy. */
export type OutlierSettings = {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  /** One endpoint may be ejected whatever the percentage says. */
  readonly alwaysEjectOne: boolean;
  /** Failures on our side of the wire are counted by themselves, not as gateway errors. */
  readonly splitsLocalOrigin: boolean;
  /** Infinity turns it off, for all three. */
  readonly consecutive5xx: number;
  readonly consecutiveGatewayErrors: number;
  readonly consecutiveLocalOriginFailures: number;
  /** `stdevFactor` in thousandths of a standard deviation. */
  readonly successRate: { readonly stdevFactor: number; readonly minimumHosts: number; readonly requestVolume: number };
  /** `threshold` in percent. */
  readonly failurePercentage: {
    readonly threshold: number;
    readonly minimumHosts: number;
    readonly requestVolume: number;
  };
  /** Share of what is found that is acted upon, in percent. */
  readonly enforcingPercent: Readonly<Record<OutlierReason, number>>;
};
