import type { Labels } from '../../../shared/resources/resource.ts';

/** A cluster that takes calls and has nobody to answer them; no service can be called so. */
export const noInstances = 'meshlane/no-instances';

/** `reviews`, or `reviews?version=v2` for the instances that carry these labels. */
export function clusterName(service: string, labels: Labels | undefined): string {
  const wanted = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return wanted.length === 0 ? service : `${service}?${new URLSearchParams(wanted)}`;
}
