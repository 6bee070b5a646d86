import type { ResourceSet } from '../../shared/resources/references.ts';
import { type Kind, keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';

/** A set of resources with a change laid over it, without copying the set. */
export class Overlay implements ResourceSet {
  readonly #base: ResourceSet;
  /** Null: removed. 'broken': there, but refused by its schema, so only its name counts. */
  readonly #over = new Map<ResourceKey, AnyResource | 'broken' | null>();

  constructor(base: ResourceSet) {
    this.#base = base;
  }

  put(key: ResourceKey, resource: AnyResource | null): void {
    this.#over.set(key, resource ?? 'broken');
  }

  remove(key: ResourceKey): void {
    this.#over.set(key, null);
  }

  get(key: ResourceKey): AnyResource | undefined {
    const over = this.#over.get(key);
    if (over === undefined) return this.#base.get(key);
    const [kind, name] = [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)];
    return over === 'broken' ? ({ kind, name, labels: {}, spec: {} } as AnyResource) : (over ?? undefined);
  }

  *list(kind: Kind): Iterable<AnyResource> {
    for (const resource of this.#base.list(kind)) if (!this.#over.has(keyOf(resource))) yield resource;
    for (const over of this.#over.values()) if (over !== null && over !== 'broken' && over.kind === kind) yield over;
  }
}
