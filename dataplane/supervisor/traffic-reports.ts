import type { WireServiceReport } from '../../shared/discovery/discovery.ts';
import type { ServiceTraffic } from './outbound-traffic.ts';

/** Entries of a report; the services with the fewest requests share the last one, without a name. */
const mostEntries = 500;

type Counted = { readonly requests: number; readonly errors: number; readonly latency: readonly number[] };

const nothing: Counted = { requests: 0, errors: 0, latency: [] };

/** Tells what became of the outbound requests since it was told last. What could not be told is told with the next report. */
export class TrafficReports {
  readonly #now: () => number;
  readonly #told = new Map<ServiceTraffic, Counted>();
  /** Up to when all was told. */
  #toldMs: number;

  /** `now` is in monotonic ms. */
  constructor(now: () => number) {
    this.#now = now;
    this.#toldMs = now();
  }

  /** Has `send` tell what is new, if anything is; it returns false when it could not. */
  tell(
    services: Iterable<ServiceTraffic>,
    send: (report: { seconds: number; services: WireServiceReport[] }) => boolean,
  ): void {
    const counted = new Map<ServiceTraffic, Counted>();
    const entries: WireServiceReport[] = [];
    for (const traffic of services) {
      const before = this.#told.get(traffic) ?? nothing;
      if (traffic.requests === before.requests) continue;
      const { errors, latency } = traffic;
      const now = { requests: sumOf(latency), errors, latency }; // a worker may count while this is read
      counted.set(traffic, now);
      entries.push(entryOf(traffic.service, now, before));
    }
    const nowMs = this.#now();
    const seconds = Math.max(1, Math.round((nowMs - this.#toldMs) / 1000));
    if (entries.length > 0 && !send({ seconds, services: inBounds(entries) })) return;
    this.#toldMs = nowMs;
    for (const [traffic, now] of counted) this.#told.set(traffic, now);
  }
}

function entryOf(service: string, now: Counted, before: Counted): WireServiceReport {
  const requests = now.requests - before.requests;
  const errors = Math.min(requests, now.errors - before.errors); // one request may have failed in two ways
  const latency = now.latency.map((count, bucket) => count - (before.latency[bucket] ?? 0));
  return { service, requests, errors, latency };
}

function inBounds(entries: WireServiceReport[]): WireServiceReport[] {
  if (entries.length <= mostEntries) return entries;
  const sorted = entries.toSorted(
    (a, b) => Number(b.service !== '') - Number(a.service !== '') || b.requests - a.requests,
  );
  const rest = sorted.slice(mostEntries - 1);
  const shared: WireServiceReport = {
    service: '',
    requests: sumOf(rest.map(({ requests }) => requests)),
    errors: sumOf(rest.map(({ errors }) => errors)),
    latency: rest[0]!.latency.map((_, bucket) => sumOf(rest.map(({ latency }) => latency[bucket]!))),
  };
  return [...sorted.slice(0, mostEntries - 1), shared];
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
