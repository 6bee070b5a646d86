import type { ConcurrencyLimit } from '../../../../dataplane/cluster/concurrency/concurrency-limit.ts';

/** A time in which a server works on `capacity` requests at once, and callers send `load` times what it can do. */
export type Phase = {
  readonly forMs: number;
  readonly capacity: number;
  readonly serviceMs: number;
  readonly load: number;
};

/** What the last half of a phase came to. */
export type Seen = {
  /** Mean of the limit, by replies. */
  readonly limit: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  /** Requests answered, as a share of what the server can do. */
  readonly utilization: number;
  readonly refused: number;
};

/** One server with a queue behind a limit: Poisson arrivals, exponential times of service around a fixed part. */
export function simulate(limiter: ConcurrencyLimit, phases: readonly Phase[], random: () => number): Seen[] {
  const uniform = () => (random() + 0.5) / 2 ** 32;
  const exponential = (mean: number) => -mean * Math.log(uniform());
  const queue: number[] = [];
  /** Ends of the requests being served, with when each was sent. */
  let busy: { endsMs: number; sentMs: number }[] = [];
  let nowMs = 0;
  return phases.map(({ forMs, capacity, serviceMs, load }) => {
    const endMs = nowMs + forMs;
    const gapMs = serviceMs / capacity / load;
    const latencies: number[] = [];
    let limits = 0;
    let refused = 0;
    let nextMs = nowMs + exponential(gapMs);
    const serve = () => {
      while (busy.length < capacity && queue.length > 0)
        busy.push({ sentMs: queue.shift()!, endsMs: nowMs + serviceMs * 0.8 + exponential(serviceMs * 0.2) });
    };
    while (nowMs < endMs) {
      const first = busy.reduce((least, { endsMs }) => Math.min(least, endsMs), Number.POSITIVE_INFINITY);
      nowMs = Math.min(first, nextMs);
      const isLate = nowMs > endMs - forMs / 2;
      if (nowMs === nextMs) {
        nextMs = nowMs + exponential(gapMs);
        if (limiter.isFull(nowMs)) refused++;
        else {
          limiter.onStart();
          queue.push(nowMs);
        }
      } else {
        const done = busy.find(({ endsMs }) => endsMs === first)!;
        busy = busy.filter((one) => one !== done);
        limiter.onReply(nowMs - done.sentMs, nowMs);
        if (isLate) {
          latencies.push(nowMs - done.sentMs);
          limits += limiter.limitAt(nowMs);
        }
      }
      serve();
    }
    latencies.sort((a, b) => a - b);
    return {
      limit: limits / latencies.length,
      medianMs: latencies[latencies.length >> 1]!,
      p99Ms: latencies[Math.floor(latencies.length * 0.99)]!,
      utilization: (latencies.length * serviceMs) / capacity / (forMs / 2),
      refused,
    };
  });
}
