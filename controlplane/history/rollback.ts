import type { Kind, ResourceKey } from '../../shared/resources/resource.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Change } from '../catalog/change.ts';
import type { History } from './history.ts';

export type Rollback = {
  readonly changes: readonly Change[];
  /** Of the changes, in their order. */
  readonly keys: readonly ResourceKey[];
  /** Services that came later but have instances, and so stay; nothing is sent to them but by their own name. */
  readonly kept: readonly { readonly kind: Kind; readonly name: string }[];
};

/**
 * The changes that make the configuration what it was after a revision. Throws an UnknownRevision when the history does not reach back so far.
 */
export async function rollbackTo(revision: number, history: History, catalog: Catalog): Promise<Rollback> {
  const since = await history.between(revision, Number.POSITIVE_INFINITY);
  const inUse = servicesWithInstances(catalog);
  const changes: Change[] = [];
  const keys: ResourceKey[] = [];
  const kept: Rollback['kept'][number][] = [];
  for (const { key, before } of since) {
    const kind = key.slice(0, key.indexOf('/')) as Kind;
    const name = key.slice(kind.length + 1);
    const stored = catalog.stored(kind, name);
    if (!before && !stored) continue;
    if (!before && kind === 'Service' && inUse.has(name)) {
      kept.push({ kind, name });
      continue;
    }
    keys.push(key);
    changes.push(before ? { type: 'put', document: before, path: { kind, name } } : { type: 'delete', kind, name });
  }
  return { changes, keys, kept };
}

function servicesWithInstances(catalog: Catalog): ReadonlySet<string> {
  const services = new Set<string>();
  for (const instance of catalog.list('Instance'))
    if (instance.kind === 'Instance') services.add(instance.spec.service);
  return services;
}
