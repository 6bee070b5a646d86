/**
 * What is held is not in the store, so that its end cannot be a deletion there. It is written under a key of its own
 * instead, and so reaches every replica that holds the same.
 */
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { Operation, StoreEntry } from '../store/store.ts';

export const releasedKey = 'meta/released';

export function releaseOf(keys: readonly ResourceKey[]): Operation {
  return { type: 'put', key: releasedKey, value: JSON.stringify({ keys }) };
}

/** Nothing when the entry cannot be read: then they stay held, and can be released again. */
export function releasedKeys({ value }: StoreEntry): readonly ResourceKey[] {
  try {
    const { keys } = JSON.parse(value) as { keys?: unknown };
    return Array.isArray(keys) ? keys.filter((key): key is ResourceKey => typeof key === 'string') : [];
  } catch {
    return [];
  }
}
