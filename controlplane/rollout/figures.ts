import { durationBuckets } from '../../observability/metrics/slots.ts';
import type { WireReport } from '../../shared/discovery/discovery.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import { durationMs } from '../../shared/time/duration.ts';

/** How requests went. */
export type Figures = {
  readonly requests: number;
  /** Ended with 5xx, or without a reply. */
  readonly errors: number;
  /** Certainly took longer than the bound. */
  readonly slow: number;
};

export const noFigures: Figures = { requests: 0, errors: 0, slow: 0 };

export function addFigures(a: Figures, b: Figures): Figures {
  return { requests: a.requests + b.requests, errors: a.errors + b.errors, slow: a.slow + b.slow };
}

/** What a report says of requests to some services. `firstSlow`: the first bucket of latency that counts as slow. */
export function figuresOf({ services }: WireReport, wanted: ReadonlySet<string>, firstSlow: number): Figures {
  let sum = noFigures;
  for (const { service, requests, errors, latency } of services) {
    if (!wanted.has(service)) continue;
    const slow = latency.slice(firstSlow).reduce((total, count) => total + count, 0);
    sum = addFigures(sum, { requests, errors, slow });
  }
  return sum;
}

/** The first bucket whose requests have all taken longer than the bound; none has where there is no bound. */
export function firstSlowBucket(bound: string | undefined): number {
  if (bound === undefined) return durationBuckets.length + 1;
  const seconds = durationMs(bound) / 1000;
  return 1 + durationBuckets.findIndex((upper) => upper >= seconds);
}

/** Services that show how a resource does; '' is for requests that found none. */
export function servicesOf(resource: Pick<AnyResource, 'kind' | 'name' | 'spec'>): string[] {
  const { kind, name, spec } = resource as AnyResource;
  if (kind === 'Service') return [name];
  if ('targets' in spec) return spec.targets.map((target) => target.name);
  if (!('rules' in spec)) return [];
  const named = spec.rules.flatMap(({ backends, breaker }) => [
    ...backends.map(({ service }) => service),
    breaker?.fallback?.service ?? '',
  ]);
  return ['', ...named];
}
