import { hash } from 'node:crypto';
import type { ResourceKey } from '../../shared/resources/resource.ts';

/** One more than the highest rank. */
export const ranks = 10_000;

/**
 * The place of a sidecar among all that could be, in the rollouts of one resource: every control plane says the same, a
 * step has whoever the steps before it had, and it is not the same sidecars that try everything first.
 */
export function rankOf(sidecar: string, key: ResourceKey): number {
  return hash('sha256', `${key} ${sidecar}`, 'buffer').readUInt32BE(0) % ranks;
}
