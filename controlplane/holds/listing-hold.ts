import { createHash } from 'node:crypto';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import { countByGroup, type Group, isTooMuch, lossText } from './losses.ts';

/** Why resources that the store no longer has are kept; null when that they are gone is nothing out of the ordinary. */
export function whyToHold(
  before: ReadonlyMap<Group, number>,
  after: Iterable<AnyResource>,
  isOtherStore: boolean,
): string | null {
  if (isOtherStore) return 'the store was replaced by another one or an older copy, which does not have them';
  const left = countByGroup(after);
  const losses: string[] = [];
  for (const [group, count] of before)
    if (isTooMuch(group, count, left.get(group) ?? 0)) losses.push(lossText(group, count, left.get(group) ?? 0));
  return losses.length > 0
    ? `they are gone from the store without a write of a control plane: ${losses.join(', ')}`
    : null;
}

/** The same at every replica that misses the same resources, so that any of them can be asked. */
export function listingHoldId(keys: readonly ResourceKey[]): string {
  const digest = createHash('sha256').update(keys.toSorted().join('\n')).digest('hex');
  return `listing-${digest.slice(0, 8)}`;
}
