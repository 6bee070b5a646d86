import type { Kind, ResourceKey } from '../../shared/resources/resource.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ApplyOptions, Change, Outcome } from '../catalog/change.ts';
import type { Registry } from '../registry/registry.ts';
import type { History } from './history.ts';

type Rollback = {
  readonly changes: readonly Change[];
  /** Of the changes, in their order. */
  readonly keys: readonly ResourceKey[];
  /** Services that came later but have instances, and so stay; nothing is sent to them but by their own name. */
  readonly kept: readonly { readonly kind: Kind; readonly name: string }[];
};

const mostTries = 3;

/**
 * Makes the configuration what it was after a revision. What others change before its turn has come is taken back with
 * the rest: it is decided anew then. Throws an UnknownRevision when the history does not reach back so far.
 */
export async function rollBack(
  revision: number,
  history: History,
  catalog: Catalog,
  registry: Registry,
  options: ApplyOptions,
): Promise<{ readonly outcome: Outcome; readonly kept: Rollback['kept'] }> {
  for (let tries = 1; ; tries++) {
    const { last } = history;
    const { changes, keys, kept } = await rollbackTo(revision, history, catalog);
    const outcome = await registry.apply(changes, {
      ...options,
      atOnce: true,
      note: `rolled back to revision ${revision}`,
      // The documents are none of the request, so their faults are told by name.
      pointerOf: (index) => `/${keys[index]}`,
      tooLate: () =>
        history.last === last ? null : 'the configuration changed while the rollback was decided; try again',
    });
    const isStale = !outcome.ok && outcome.refusal.code === 'stale';
    if (!isStale || tries === mostTries) return { outcome, kept };
  }
}

async function rollbackTo(revision: number, history: History, catalog: Catalog): Promise<Rollback> {
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
