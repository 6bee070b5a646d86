import type { ResourceSet } from '../../shared/resources/references.ts';
import type { Kind, ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { isRolling } from './next-state.ts';

/**
 * A set of resources, and beside those whose rollout is under way what the other sidecars still have: that is in use, too,
 * and must be fit to come back.
 */
export class WithStable implements ResourceSet {
  readonly #set: ResourceSet;
  readonly #catalog: Catalog;

  constructor(set: ResourceSet, catalog: Catalog) {
    this.#set = set;
    this.#catalog = catalog;
  }

  get(key: ResourceKey): AnyResource | undefined {
    return this.#set.get(key);
  }

  *list(kind: Kind): Iterable<AnyResource> {
    for (const resource of this.#set.list(kind)) {
      yield resource;
      const stored = this.#catalog.stored(kind, resource.name);
      if (isRolling(stored) && stored.rollout.stable)
        yield { kind, name: resource.name, ...stored.rollout.stable } as AnyResource;
    }
  }
}
