import { isDeepStrictEqual } from 'node:util';
import { keyOf, type ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import { type RolloutState, readRolloutState, type Version } from '../rollout/rollout-state.ts';
import { rankOf } from '../rollout/sidecar-rank.ts';
import type { StoreEntry } from '../store/store.ts';

type Facts = Pick<StoreEntry, 'revision' | 'created' | 'lease'>;

/** A resource as it stands at one revision. Never changed: a change makes a new one. */
export class StoredResource {
  readonly key: ResourceKey;
  /** With `revision` and `status` filled in. */
  readonly resource: AnyResource;
  readonly revision: number;
  /** The store's name of its lease; null when it stays until deleted. */
  readonly lease: string | null;
  /** How far the last change has come; null when it went to all sidecars at once. */
  readonly rollout: RolloutState | null;
  /** What sidecars have that take part in its rollout, and the others. */
  readonly #newest: StoredResource;
  readonly #stable: StoredResource | null;
  #document: Buffer | null = null;

  /** `former`: what stood under the key before, whose versions are taken over where they are still in force. */
  constructor(resource: AnyResource, { revision, created, lease }: Facts, former?: StoredResource) {
    this.key = keyOf(resource);
    const { kind, name, labels, spec, rollout } = resource;
    this.rollout = readRolloutState(resource, revision);
    const settings = rollout ? { rollout } : {};
    const status = this.rollout ? { created, rollout: this.rollout } : { created };
    this.resource = { kind, name, labels, spec, ...settings, status, revision } as AnyResource;
    this.revision = revision;
    this.lease = lease;
    const state = this.rollout;
    const isPlain = state === null && rollout === undefined;
    this.#newest = isPlain ? this : this.#version({ labels, spec, revision: state?.revision ?? revision }, former);
    this.#stable = state?.state === 'progressing' && state.stable ? this.#version(state.stable, former) : null;
  }

  /** What a sidecar is to have of it; null when it is not to have it. The same object as long as that stays the same. */
  forSidecar(sidecar: string): StoredResource | null {
    const { rollout } = this;
    if (rollout === null || rollout.state === 'done') return this.#newest;
    if (rollout.state === 'rolledBack') return rollout.isRestored ? this.#newest : null;
    return rankOf(sidecar, this.key) < rollout.threshold ? this.#newest : this.#stable;
  }

  /** What every sidecar is to have that takes no part in a rollout: the version to go back to. */
  get stable(): Version | null {
    const { rollout } = this;
    if (rollout?.state === 'progressing') return rollout.stable;
    if (rollout?.state === 'rolledBack' && !rollout.isRestored) return null;
    const { labels, spec, rollout: settings } = this.resource;
    return { labels, spec, ...(settings ? { rollout: settings } : {}), revision: this.#newest.revision };
  }

  /** Its JSON, encoded once however many sidecars and watchers get it. */
  get document(): Buffer {
    this.#document ??= Buffer.from(JSON.stringify(this.resource));
    return this.#document;
  }

  /** One version as a resource of its own, without what only the control plane needs to know. */
  #version({ labels, spec, revision }: Version, former: StoredResource | undefined): StoredResource {
    const { kind, name, status } = this.resource;
    const created = status?.created ?? revision;
    const version = new StoredResource({ kind, name, labels, spec } as AnyResource, { revision, created, lease: null });
    const known = former ? [former.#newest, former.#stable] : [];
    return known.find((one) => one && isDeepStrictEqual(one.resource, version.resource)) ?? version;
  }
}
