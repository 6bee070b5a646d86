/** How one block of load looks. */
export type Load = {
  readonly connections: number;
  /** Requests under way at once on each connection; above 1 over HTTP/2 only. */
  readonly streams?: number;
  readonly seconds: number;
  /** Each connection pauses before a request, for a time around this one; left out, none does. Over HTTP/1.1 only. */
  readonly pauseMs?: number;
};

/** What a load generator saw, latencies in microseconds. `requests` were answered, with whatever status. */
export type LoadReport = {
  readonly requests: number;
  readonly bytes: number;
  readonly durationUs: number;
  readonly meanUs: number;
  /** null: the generator cannot tell quantiles. */
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  /** By what went wrong; `status` counts those of `requests` that were answered with 400 or above. */
  readonly errors: Readonly<Record<string, number>> & { readonly status: number };
};

/** Everything that was not a whole reply with a status below 400. */
export function errorCount({ errors }: LoadReport): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}

export function requestsPerSecond(report: LoadReport): number {
  return report.requests / (report.durationUs / 1e6);
}
