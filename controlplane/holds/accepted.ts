import type { Operation, StoreEntry } from '../store/store.ts';
import type { Origin } from './admission-rule.ts';

/** Configurations of sidecars that may be replaced by what the store has, as somebody confirmed; for all replicas. */
export const acceptedKey = 'meta/accepted';

const mostKept = 100;

export function acceptanceOf(origins: readonly Origin[], before: StoreEntry | undefined): Operation {
  const accepted = [...acceptedOrigins(before), ...origins].slice(-mostKept);
  return { type: 'put', key: acceptedKey, value: JSON.stringify(accepted), expected: before?.revision ?? 0 };
}

/** None when the entry cannot be read: then sidecars stay held, and can be accepted again. */
export function acceptedOrigins(entry: StoreEntry | undefined): readonly Origin[] {
  try {
    const accepted: unknown = JSON.parse(entry?.value ?? '[]');
    return Array.isArray(accepted) ? accepted.filter(isOrigin) : [];
  } catch {
    return [];
  }
}

function isOrigin(value: unknown): value is Origin {
  const { mesh, revision } = (value ?? {}) as { mesh?: unknown; revision?: unknown };
  return typeof mesh === 'string' && typeof revision === 'number';
}
