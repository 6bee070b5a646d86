/** The id of a mesh tells a store from another one, whatever their addresses and revisions are. */
import { randomUUID } from 'node:crypto';
import type { Store, StoreEntry } from './store.ts';

export const meshKey = 'meta/mesh';

/** Empty when there is none, or when somebody broke it by hand. */
export function readMeshId(entry: StoreEntry | null | undefined): string {
  try {
    const { id } = JSON.parse(entry?.value ?? '{}') as { id?: unknown };
    return typeof id === 'string' ? id : '';
  } catch {
    return '';
  }
}

/** Gives the store an id, unless another control plane is faster; a broken entry gets the one that was `known`. */
export async function createMeshId(store: Store, broken: StoreEntry | undefined, known: string): Promise<void> {
  const id = (broken && known) || randomUUID();
  await store.commit([
    { type: 'put', key: meshKey, value: JSON.stringify({ id }), expected: broken ? broken.revision : 0 },
  ]);
}
