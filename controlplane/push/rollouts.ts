import type { Kind, ResourceKey } from '../../shared/resources/resource.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { RolloutState } from '../rollout/rollout-state.ts';
import type { Presence, Standing } from './standing.ts';

export type Rollout = {
  readonly revision: number;
  /** What changed at that revision. */
  readonly resources: readonly ChangedResource[];
  /**
   * `rejected` when a sidecar could not use one of the resources, or a rollout was taken back; `progressing` while some
   * sidecars have not answered, or cannot have yet, or a rollout has steps before it.
   */
  readonly state: 'applied' | 'progressing' | 'rejected';
  /** For people: `applied 40/40`. */
  readonly summary: string;
  readonly applied: number;
  /** Connected sidecars of all control planes, and the ones that are away and still lag. */
  readonly total: number;
  /** Have not answered this revision; one that is away counts for a minute, as it may carry traffic by the old state. */
  readonly laggards: Standing['laggards'];
  readonly rejected: Standing['rejected'];
  /** Other control planes that have not told yet, and how many of their sidecars nothing is known of. */
  readonly unheard: Standing['unheard'];
  readonly disconnected: readonly { readonly sidecar: string; readonly service: string; readonly acked: number }[];
};

export type ChangedResource = {
  readonly kind: Kind;
  readonly name: string;
  /** Where the change of that revision goes in steps: how far it has come. */
  readonly rollout?: RolloutState;
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
    this.#addAll([...catalog.all()].filter(({ key }) => catalog.isInStore(key)));
  }

  /** Takes a change; what was removed between two listings of the store is noted at the later one. */
  take({ revision, changed, removed }: CatalogChange): void {
    this.#addAll(changed);
    if (removed.length > 0) this.#add(revision, removed);
  }

  get latest(): number | undefined {
    return this.#latest || undefined;
  }

  resourcesAt(revision: number): readonly ChangedResource[] | undefined {
    return this.#keysAt(revision)?.map((key) => {
      const rollout = this.#catalog.stored(key.kind, key.name)?.rollout;
      return rollout && versionOf(rollout) === revision ? { ...key, rollout } : key;
    });
  }

  #keysAt(revision: number): readonly Key[] | undefined {
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

/** At which the version was written that a rollout is, or was, about. */
function versionOf(rollout: RolloutState): number {
  return rollout.state === 'rolledBack' ? rollout.failed.revision : rollout.revision;
}

function toKey({ resource: { kind, name } }: StoredResource): Key {
  return { kind, name };
}

/** How far the resources of one revision have come. */
export function describeRollout(
  revision: number,
  resources: Rollout['resources'],
  { applied, laggards, refusers, rejected, unheard }: Standing,
  { gone, isTooEarly }: Presence,
): Rollout {
  const unknown = unheard.reduce((sum, { sidecars }) => sum + sidecars, 0);
  const total = applied + laggards.length + refusers + unknown;
  const isAt = (wanted: RolloutState['state']) => resources.some(({ rollout }) => rollout?.state === wanted);
  // A refusal within a step is for the rollout to judge.
  const isRejected = isAt('rolledBack') || (rejected.length > 0 && !isAt('progressing'));
  const isUnderWay = laggards.length > 0 || unheard.length > 0 || isTooEarly || isAt('progressing');
  const state = isRejected ? 'rejected' : isUnderWay ? 'progressing' : 'applied';
  const disconnected = gone.map(({ sidecar, service, acked }) => ({ sidecar, service, acked }));
  const steps = resources.flatMap(({ kind, name, rollout }) => stepInWords(`${kind}/${name}`, rollout));
  const summary = [`applied ${applied}/${total}`, ...(refusers > 0 ? [`rejected by ${refusers}`] : []), ...steps].join(
    ', ',
  );
  return { revision, resources, state, summary, applied, total, laggards, rejected, unheard, disconnected };
}

function stepInWords(key: ResourceKey, rollout: RolloutState | undefined): string[] {
  if (rollout?.state === 'progressing') return [`${key} for ${rollout.percent}% of the sidecars`];
  return rollout?.state === 'rolledBack' ? [`${key} rolled back`] : [];
}
