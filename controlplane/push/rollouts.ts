import { type Kind, keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { SidecarStream } from './sidecar-stream.ts';

export type Rollout = {
  readonly revision: number;
  /** What changed at that revision. */
  readonly resources: readonly { readonly kind: Kind; readonly name: string }[];
  /** `rejected` when a sidecar could not use one of the resources; `progressing` while some have not answered. */
  readonly state: 'applied' | 'progressing' | 'rejected';
  /** For people: `applied 40/40`. */
  readonly summary: string;
  readonly applied: number;
  /** Connected sidecars; the ones that left in the last minute are only listed. */
  readonly total: number;
  readonly laggards: readonly { readonly sidecar: string; readonly service: string; readonly acked: number }[];
  readonly rejected: readonly {
    readonly sidecar: string;
    readonly kind: Kind;
    readonly name: string;
    readonly error: string;
  }[];
  readonly disconnected: readonly { readonly sidecar: string; readonly service: string; readonly acked: number }[];
};

type Key = { readonly kind: Kind; readonly name: string };

const revisionsKept = 1_000;

/** Which resources changed at which of the last revisions. */
export class RevisionLog {
  readonly #catalog: Catalog;
  readonly #keys = new Map<number, Key[]>();
  #latest = 0;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    this.#addAll([...catalog.all()]);
  }

  /** Takes a change; what was removed between two listings of the store is noted at the later one. */
  take({ revision, changed, removed }: CatalogChange): void {
    this.#addAll(changed);
    if (removed.length > 0) this.#add(revision, removed);
  }

  get latest(): number | undefined {
    return this.#latest || undefined;
  }

  resourcesAt(revision: number): readonly Key[] | undefined {
    const known = this.#keys.get(revision);
    if (known) return known;
    // Forgotten here, but not when a resource is still as it became then.
    const keys: Key[] = [];
    for (const stored of this.#catalog.all()) if (stored.revision === revision) keys.push(toKey(stored));
    return keys.length > 0 ? keys : undefined;
  }

  #addAll(resources: readonly StoredResource[]): void {
    const inOrder = resources.toSorted((a, b) => a.revision - b.revision);
    for (const stored of inOrder) this.#add(stored.revision, [toKey(stored)]);
  }

  #add(revision: number, keys: readonly Key[]): void {
    this.#latest = Math.max(this.#latest, revision);
    const known = this.#keys.get(revision);
    if (known) known.push(...keys);
    else this.#keys.set(revision, [...keys]);
    if (this.#keys.size > revisionsKept) this.#keys.delete(this.#keys.keys().next().value!);
  }
}

function toKey({ resource: { kind, name } }: StoredResource): Key {
  return { kind, name };
}

/** How far the resources of one revision have come. */
export function describeRollout(
  revision: number,
  resources: Rollout['resources'],
  streams: Iterable<SidecarStream>,
  disconnected: Rollout['disconnected'],
): Rollout {
  const keys: ResourceKey[] = resources.map(keyOf);
  const laggards: Rollout['laggards'][number][] = [];
  const rejected: Rollout['rejected'][number][] = [];
  let total = 0;
  let applied = 0;
  for (const stream of streams) {
    const { sidecar, service } = stream.hello;
    total++;
    if (stream.acked < revision) {
      laggards.push({ sidecar, service, acked: stream.acked });
      continue;
    }
    // A later version that was refused counts too: then this one is not in force either, or no longer asked for.
    const refusals = keys.flatMap((key) => stream.rejectionOf(key) ?? []).filter((one) => one.revision >= revision);
    if (refusals.length === 0) applied++;
    for (const { key, error } of refusals) rejected.push({ sidecar, kind: key.kind, name: key.name, error });
  }
  const state = rejected.length > 0 ? 'rejected' : laggards.length > 0 ? 'progressing' : 'applied';
  const refusers = new Set(rejected.map((one) => one.sidecar)).size;
  const summary = `applied ${applied}/${total}${refusers > 0 ? `, rejected by ${refusers}` : ''}`;
  return { revision, resources, state, summary, applied, total, laggards, rejected, disconnected };
}
