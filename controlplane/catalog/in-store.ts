import type { ResourceSet } from '../../shared/resources/references.ts';
import { keyOf } from '../../shared/resources/resource.ts';
import type { Catalog } from './catalog.ts';

/** The resources that the store has: what is only held may be let go, and nothing new is to refer to it. */
export function inStore(catalog: Catalog): ResourceSet {
  if (catalog.holds.size === 0) return catalog;
  return {
    get: (key) => (catalog.isInStore(key) ? catalog.get(key) : undefined),
    *list(kind) {
      for (const resource of catalog.list(kind)) if (catalog.isInStore(keyOf(resource))) yield resource;
    },
  };
}
