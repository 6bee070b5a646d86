/**
 * What the store holds, as resources in memory: kept by following the store, read by the API, the push stream and every
 * check. It is only ever a copy: a change becomes visible here when the store tells of it.
 */

import type { Log } from '../../observability/logging/log.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { ResourceSet } from '../../shared/resources/references.ts';
import { type Kind, keyOf, kinds, type ResourceKey } from '../../shared/resources/resource.ts';
import { type AnyResource, isKind } from '../../shared/resources/schema.ts';
import type { FollowSink } from '../store/follow.ts';
import type { Listing, StoreChange, StoreEntry } from '../store/store.ts';
import { StoredResource } from './stored-resource.ts';

/** What changed at one revision, or between two when the store had to be listed again. */
export type CatalogChange = {
  readonly revision: number;
  readonly changed: readonly StoredResource[];
  readonly removed: readonly { readonly kind: Kind; readonly name: string }[];
};

/** The key that every write of a control plane changes too, so that two replicas never write on what they have not seen. */
export const writerKey = 'meta/writer';

export class Catalog implements ResourceSet, FollowSink {
  readonly #byKind: Readonly<Record<Kind, Map<string, StoredResource>>> = {
    Service: new Map(),
    Instance: new Map(),
    Route: new Map(),
    Policy: new Map(),
  };
  readonly #meta = new Map<string, StoreEntry>();
  readonly #listeners = new Set<(change: CatalogChange) => void>();
  readonly #metaListeners = new Set<(key: string) => void>();
  readonly #waiting = new Set<{ revision: number; resolve(reached: boolean): void }>();
  readonly #log: Log;
  #revision = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Store revision up to which everything is known here. */
  get revision(): number {
    return this.#revision;
  }

  /** Revision of the last write by any replica; 0 before the first. */
  get writerRevision(): number {
    return this.meta(writerKey)?.revision ?? 0;
  }

  get(key: ResourceKey): AnyResource | undefined {
    const slash = key.indexOf('/');
    return this.stored(key.slice(0, slash) as Kind, key.slice(slash + 1))?.resource;
  }

  *list(kind: Kind): Iterable<AnyResource> {
    for (const stored of this.#byKind[kind].values()) yield stored.resource;
  }

  stored(kind: Kind, name: string): StoredResource | undefined {
    return this.#byKind[kind].get(name);
  }

  count(kind: Kind): number {
    return this.#byKind[kind].size;
  }

  /** All resources of a kind, ordered by name. */
  sorted(kind: Kind): StoredResource[] {
    return [...this.#byKind[kind].values()].sort((a, b) => (a.resource.name < b.resource.name ? -1 : 1));
  }

  /** All resources, in the order in which a set of them has to be applied. */
  *all(): Iterable<StoredResource> {
    for (const kind of kinds) yield* this.#byKind[kind].values();
  }

  /** What the control planes keep for each other under a key that begins with `meta/`. */
  meta(key: string): StoreEntry | undefined {
    return this.#meta.get(key);
  }

  /** The keys of all that there is of that. */
  metaKeys(): Iterable<string> {
    return this.#meta.keys();
  }

  /** Calls the listener after every change of such an entry; returns what ends that. */
  subscribeMeta(listener: (key: string) => void): () => void {
    this.#metaListeners.add(listener);
    return () => this.#metaListeners.delete(listener);
  }

  /** Calls the listener after every change that touched a resource; returns what ends that. */
  subscribe(listener: (change: CatalogChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves to true once everything up to the revision is known here, to false after the time given. */
  waitFor(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#revision >= revision) return Promise.resolve(true);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = { revision, resolve };
    this.#waiting.add(waiting);
    const timer = setTimeout(() => resolve(false), timeoutMs);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    });
  }

  onListing({ revision, entries }: Listing): void {
    const keys = new Set(entries.map((entry) => entry.key));
    const gone = [...[...this.all()].map(({ key }) => key), ...this.#meta.keys()].filter((key) => !keys.has(key));
    const changed = entries.filter((entry) => this.#isNews(entry));
    this.#take(revision, changed, gone);
  }

  onChange({ revision, events }: StoreChange): void {
    this.#take(
      revision,
      events.flatMap((event) => (event.type === 'put' ? [event.entry] : [])),
      events.flatMap((event) => (event.type === 'delete' ? [event.key] : [])),
    );
  }

  #isNews(entry: StoreEntry): boolean {
    if (isMeta(entry.key)) return this.meta(entry.key)?.revision !== entry.revision;
    const key = readKey(entry.key);
    return key === null || this.stored(key.kind, key.name)?.revision !== entry.revision;
  }

  #take(revision: number, entries: readonly StoreEntry[], deletedKeys: readonly string[]): void {
    const removed: { kind: Kind; name: string }[] = [];
    const changed: StoredResource[] = [];
    const remove = (text: string) => {
      const key = readKey(text);
      if (key && this.#byKind[key.kind].delete(key.name)) removed.push(key);
    };
    const changedMeta: string[] = [];
    for (const key of deletedKeys) {
      if (this.#meta.delete(key)) changedMeta.push(key);
      remove(key);
    }
    for (const entry of entries) {
      if (isMeta(entry.key)) {
        this.#meta.set(entry.key, entry);
        changedMeta.push(entry.key);
      }
      if (!readKey(entry.key)) continue;
      const stored = this.#read(entry);
      if (!stored) {
        remove(entry.key);
        continue;
      }
      this.#byKind[stored.resource.kind].set(stored.resource.name, stored);
      changed.push(stored);
    }
    this.#revision = revision;
    if (changed.length > 0 || removed.length > 0)
      for (const listener of this.#listeners) listener({ revision, changed, removed });
    for (const key of changedMeta) for (const listener of this.#metaListeners) listener(key);
    for (const waiting of this.#waiting) if (revision >= waiting.revision) waiting.resolve(true);
  }

  /** Null for an entry that is no resource of ours, as after an edit by hand or a downgrade: better left out than spread. */
  #read(entry: StoreEntry): StoredResource | null {
    let document: unknown;
    try {
      document = JSON.parse(entry.value);
    } catch {
      document = null;
    }
    const read = readResource(document);
    if (read.ok && keyOf(read.value) === entry.key) {
      const { kind, name } = read.value;
      return new StoredResource(read.value, entry, this.stored(kind, name));
    }
    const why = read.ok ? 'its name is not its key' : formatIssues(read.issues);
    this.#log.warn('an entry of the store is no valid resource and is left out', { key: entry.key, why });
    return null;
  }
}

function isMeta(key: string): boolean {
  return key.startsWith('meta/');
}

function readKey(text: string): { kind: Kind; name: string } | null {
  const slash = text.indexOf('/');
  const kind = text.slice(0, slash);
  return isKind(kind) ? { kind, name: text.slice(slash + 1) } : null;
}
