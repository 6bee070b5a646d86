import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { StoreEntry } from '../store/store.ts';

/** A resource as it stands at one revision. Never changed: a change makes a new one. */
export class StoredResource {
  readonly key: ResourceKey;
  /** With `revision` and `status.created` filled in. */
  readonly resource: AnyResource;
  readonly revision: number;
  /** The store's name of its lease; null when it stays until deleted. */
  readonly lease: string | null;
  #document: Buffer | null = null;

  constructor(resource: AnyResource, { revision, created, lease }: Pick<StoreEntry, 'revision' | 'created' | 'lease'>) {
    this.key = keyOf(resource);
    const { kind, name, labels, spec } = resource;
    this.resource = { kind, name, labels, spec, status: { created }, revision } as AnyResource;
    this.revision = revision;
    this.lease = lease;
  }

  /** What a sidecar is to have of it; null when it is not to have it. */
  forSidecar(_sidecar: string): StoredResource | null {
    return this;
  }

  /** Its JSON, encoded once however many sidecars and watchers get it. */
  get document(): Buffer {
    this.#document ??= Buffer.from(JSON.stringify(this.resource));
    return this.#document;
  }
}
