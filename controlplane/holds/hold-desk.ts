import { type Kind, kinds } from '../../shared/resources/resource.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ApplyOptions, Change, Outcome, Refusal } from '../catalog/change.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { Registry } from '../registry/registry.ts';
import type { Admission } from './admission.ts';
import type { Hold } from './holds.ts';

/** The hold of the sidecars that are left with what they have. */
const sidecarsId = 'sidecars';
/** What every store takes at once. */
const mostPuts = 100;
/** The history tells what they were, in one entry that the store must take. */
const mostReleases = 500;

/** Who decides. */
type By = Pick<ApplyOptions, 'by' | 'author'>;

export type HoldView = {
  readonly id: string;
  readonly cause: 'listing' | 'leases' | 'sidecars';
  readonly why: string;
  readonly since: string;
  readonly resources: readonly { readonly kind: Kind; readonly name: string }[];
  readonly sidecars: readonly string[];
};

/** Shows what is held and takes the decisions about it. */
export class HoldDesk {
  readonly #catalog: Catalog;
  readonly #registry: Registry;
  readonly #admission: Admission;

  constructor(catalog: Catalog, registry: Registry, admission: Admission) {
    this.#catalog = catalog;
    this.#registry = registry;
    this.#admission = admission;
  }

  get heldSidecars(): number {
    return this.#admission.held?.sidecars.length ?? 0;
  }

  list(): HoldView[] {
    const resources = [...this.#catalog.holds.all()].map((hold): HoldView => {
      const { id, cause, why, since } = hold;
      const keys = this.#resourcesOf(hold).map(({ resource: { kind, name } }) => ({ kind, name }));
      return { id, cause, why, since, resources: keys, sidecars: [] };
    });
    const sidecars = this.#admission.held;
    return sidecars ? [...resources, { id: sidecarsId, cause: 'sidecars', resources: [], ...sidecars }] : resources;
  }

  /** Lets what is held go. */
  async confirm(id: string, by: By): Promise<Outcome> {
    if (id === sidecarsId && this.#admission.held) return this.#accept();
    const hold = this.#catalog.holds.get(id);
    if (!hold) return refuse('not_found', `there is no hold "${id}"`);
    const removals = this.#resourcesOf(hold)
      .reverse()
      .map(({ resource: { kind, name }, revision }): Change => {
        return { type: 'delete', kind, name, onlyAtRevision: revision };
      });
    const most = hold.cause === 'listing' ? mostReleases : mostPuts;
    return this.#applyInParts(removals, most, { ...by, note: `hold ${id} confirmed` });
  }

  /** Makes what is held what the store has: resources are written back, leases begin anew. */
  async restore(id: string, by: By): Promise<Outcome> {
    if (id === sidecarsId && this.#admission.held)
      return refuse('invalid', 'sidecars keep what they have by themselves; only confirming ends their hold');
    const hold = this.#catalog.holds.get(id);
    if (!hold) return refuse('not_found', `there is no hold "${id}"`);
    const resources = this.#resourcesOf(hold);
    if (hold.cause === 'listing') {
      const puts = resources.map(({ resource }): Change => ({ type: 'put', document: resource, onlyIfMissing: true }));
      return this.#applyInParts(puts, mostPuts, { ...by, note: `hold ${id} restored` });
    }
    for (const { resource } of resources) await this.#registry.heartbeat(resource.name);
    return { ok: true, revision: this.#catalog.revision, effects: [] };
  }

  /** In the order in which they have to be applied. */
  #resourcesOf({ keys }: Hold): StoredResource[] {
    return kinds.flatMap((kind) => this.#catalog.sorted(kind).filter(({ key }) => keys.has(key)));
  }

  async #accept(): Promise<Outcome> {
    try {
      if (await this.#admission.accept()) return { ok: true, revision: this.#catalog.revision, effects: [] };
    } catch {
      // Told below, like a write that another one outran.
    }
    return refuse('unavailable', 'the store did not take the decision; try again');
  }

  async #applyInParts(changes: readonly Change[], most: number, options: ApplyOptions): Promise<Outcome> {
    let done: Extract<Outcome, { ok: true }> = { ok: true, revision: this.#catalog.revision, effects: [] };
    for (let i = 0; i < changes.length; i += most) {
      const outcome = await this.#registry.apply(changes.slice(i, i + most), { ...options, isAnsweredFor: true });
      if (!outcome.ok) return outcome;
      done = { ...outcome, effects: [...done.effects, ...outcome.effects] };
    }
    return done;
  }
}

function refuse(code: Refusal['code'], detail: string): Outcome {
  return { ok: false, refusal: { code, detail, issues: [] } };
}
