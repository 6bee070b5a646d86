/** What counts as losing too much at once. The rules for writes, listings and leases alike. */
import type { ResourceSet } from '../../shared/resources/references.ts';
import { kinds, type ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';

/** What is missed together: all routes, or the instances of one service (named by the service's key). */
export type Group = 'routes' | ResourceKey;

/** A mesh with one route is one that is being tried out. */
const leastRoutes = 2;
/** Of two instances one can leave or fail on any day. */
const leastInstances = 3;

/** Null for what nobody misses, such as an instance that gets no new requests. */
export function groupOf(resource: AnyResource): Group | null {
  switch (resource.kind) {
    case 'Route':
      return 'routes';
    case 'Instance':
      return resource.spec.status === 'up' ? `Service/${resource.spec.service}` : null;
    default:
      return null;
  }
}

/** Every route, or more than half of a service's instances. */
export function isTooMuch(group: Group, before: number, after: number): boolean {
  if (group === 'routes') return before >= leastRoutes && after === 0;
  return before >= leastInstances && after * 2 < before;
}

/** `all 4 routes`, or `3 of 5 instances of service "cart"`. */
export function lossText(group: Group, before: number, after: number): string {
  if (group === 'routes') return `all ${before} routes`;
  const count = after === 0 ? `all ${before}` : `${before - after} of ${before}`;
  return `${count} instances of service "${group.slice(group.indexOf('/') + 1)}"`;
}

export function countByGroup(set: ResourceSet): Map<Group, number> {
  const counts = new Map<Group, number>();
  for (const kind of kinds)
    for (const resource of set.list(kind)) {
      const group = groupOf(resource);
      if (group !== null) counts.set(group, (counts.get(group) ?? 0) + 1);
    }
  return counts;
}
