import type { Labels } from '../resources/resource.ts';
import type { SourceMatch } from '../resources/route-match.ts';
import type { ProxyDocument } from '../resources/schema.ts';

/** Whom a proxy stands beside: the caller of all that it sends out. */
export type Workload = {
  readonly service: string | null;
  readonly namespace: string | null;
  readonly labels: Labels;
};

/** As the proxy's document says it. */
export function workloadOf({ spec }: ProxyDocument): Workload {
  return { service: spec.service ?? null, namespace: spec.namespace ?? null, labels: spec.labels ?? {} };
}

/** Tells whether a match is for the requests of this workload. Decided when configuration is compiled. */
export function isFor(source: SourceMatch | undefined, workload: Workload): boolean {
  if (source === undefined) return true;
  const { services, namespaces, labels = {} } = source;
  if (services && (workload.service === null || !services.includes(workload.service))) return false;
  if (namespaces && (workload.namespace === null || !namespaces.includes(workload.namespace))) return false;
  return Object.entries(labels).every(([label, value]) => workload.labels[label] === value);
}
