import type { Operation, StoreEntry } from '../store/store.ts';
import type { Origin } from './admission-rule.ts';

/** Configurations of sidecars that may be replaced by what the store has, as somebody confirmed; for all replicas. */
export const acceptedKey = 'meta/accepted';
/**
 * Configurations of sidecars that the store had lost when they came, as it went back. Its revisions come to the same numbers
 * again, and are others then.
 */
export const lostKey = 'meta/lost';

const mostKept = 100;

/** The write that adds some to those that are kept. */
export function additionOf(key: string, origins: readonly Origin[], before: StoreEntry | undefined): Operation {
  const all = [...originsOf(before), ...origins].slice(-mostKept);
  return { type: 'put', key, value: JSON.stringify(all), expected: before?.revision ?? 0 };
}

/** None when the entry cannot be read: what was accepted can be accepted again. */
export function originsOf(entry: StoreEntry | undefined): readonly Origin[] {
  try {
    const origins: unknown = JSON.parse(entry?.value ?? '[]');
    return Array.isArray(origins) ? origins.filter(isOrigin) : [];
  } catch {
    return [];
  }
}

export function hasOrigin(origins: readonly Origin[], { mesh, revision }: Origin): boolean {
  return origins.some((one) => one.mesh === mesh && one.revision === revision);
}

function isOrigin(value: unknown): value is Origin {
  const { mesh, revision } = (value ?? {}) as { mesh?: unknown; revision?: unknown };
  return typeof mesh === 'string' && typeof revision === 'number';
}
