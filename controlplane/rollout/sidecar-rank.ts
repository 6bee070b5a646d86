import type { ResourceKey } from '../../shared/resources/resource.ts';

/** One more than the highest rank. */
export const ranks = 10_000;

/**
 * The place of a sidecar among all that could be, in the rollouts of one resource: every control plane says the same, a
 * step has whoever the steps before it had, and it is not the same sidecars that try everything first. Asked for each
 * sidecar again and again, hence FNV-1a with the finish of MurmurHash3 instead of a digest: a tenth of the time.
 */
export function rankOf(sidecar: string, key: ResourceKey): number {
  let hash = addText(addText(0x811c9dc5, key), sidecar);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % ranks;
}

function addText(hash: number, text: string): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
