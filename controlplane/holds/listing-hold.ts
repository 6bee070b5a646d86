import { createHash } from 'node:crypto';
import { type ResourceSet, usersOfService } from '../../shared/resources/references.ts';
import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import { countByGroup, type Group, isTooMuch, lossText } from './losses.ts';
import type { RecentRemovals } from './recent-removals.ts';

/** What the store lost without a write of a control plane. */
type Loss = {
  readonly keys: Iterable<ResourceKey>;
  /** What there was in each group. */
  readonly before: ReadonlyMap<Group, number>;
  /** What there is without the keys. */
  readonly left: ResourceSet;
  /** What went before that. */
  readonly recent: RecentRemovals;
};

/** Why resources that the store no longer has are kept; null when that they are gone is nothing out of the ordinary. */
export function whyToHold({ keys, before, left, recent }: Loss, isOtherStore: boolean): string | null {
  if (isOtherStore) return 'the store was replaced by another one or an older copy, which does not have them';
  const after = countByGroup(left);
  const losses: string[] = [];
  for (const [group, now] of before) {
    const count = now + recent.count(group);
    const rest = after.get(group) ?? 0;
    if (rest < now && isTooMuch(group, count, rest)) losses.push(lossText(group, count, rest));
  }
  for (const key of keys) {
    const user = key.startsWith('Service/') ? usersOfService(nameOf(key), left)[0] : undefined;
    if (user) losses.push(`service "${nameOf(key)}", which ${keyOf(user)} refers to`);
  }
  return losses.length > 0
    ? `they are gone from the store without a write of a control plane: ${losses.join(', ')}`
    : null;
}

/** The same at every replica that misses the same resources, so that any of them can be asked. */
export function listingHoldId(keys: readonly ResourceKey[]): string {
  const digest = createHash('sha256').update(keys.toSorted().join('\n')).digest('hex');
  return `listing-${digest.slice(0, 8)}`;
}

function nameOf(key: ResourceKey): string {
  return key.slice(key.indexOf('/') + 1);
}
