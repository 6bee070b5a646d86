/**
 * What the store holds, as resources in memory: kept by following the store, read by the API, the push stream and every
 * check. It is only ever a copy: a change becomes visible here when the store tells of it. It differs from the store where
 * that cannot be trusted: an entry that cannot be read leaves the last good version here, and what a listing lost without
 * anybody having written so stays until somebody decides (`holds`).
 */

import type { Log } from '../../observability/logging/log.ts';
import { formatIssues } from '../../shared/errors/problem.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { ResourceSet } from '../../shared/resources/references.ts';
import { type Kind, keyOf, kinds, type ResourceKey } from '../../shared/resources/resource.ts';
import { type AnyResource, isKind } from '../../shared/resources/schema.ts';
import { type Clock, systemClock } from '../../shared/time/clock.ts';
import { Holds } from '../holds/holds.ts';
import { listingHoldId, whyToHold } from '../holds/listing-hold.ts';
import { countByGroup } from '../holds/losses.ts';
import { RecentRemovals } from '../holds/recent-removals.ts';
import { releasedKey, releasedKeys } from '../holds/released.ts';
import type { FollowSink } from '../store/follow.ts';
import type { Listing, StoreChange, StoreEntry } from '../store/store.ts';
import { EntryFaults } from './entry-faults.ts';
import { Overlay } from './overlay.ts';
import { StoredResource } from './stored-resource.ts';
import { isAnsweredFor, isOurs, writerKey } from './writer-mark.ts';

/** What changed at one revision, or between two when the store had to be listed again. */
export type CatalogChange = {
  readonly revision: number;
  readonly changed: readonly StoredResource[];
  readonly removed: readonly { readonly kind: Kind; readonly name: string }[];
};

/** What came from the store at one revision. */
type News = {
  readonly revision: number;
  readonly entries: readonly StoreEntry[];
  readonly deleted: readonly string[];
  /** `ours`: followed whatever it takes away. */
  readonly origin: 'ours' | 'foreign' | 'other store';
};

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
  readonly #replacedListeners = new Set<() => void>();
  readonly #log: Log;
  readonly #clock: Clock;
  /** What is served although the store does not have it any more, or its lease ran out. */
  readonly holds: Holds;
  readonly faults = new EntryFaults();
  /** Without those that somebody answers for: a removal that was confirmed, a sidecar that left by itself. */
  readonly recentRemovals: RecentRemovals;
  #revision = 0;
  #highestRevision = 0;

  constructor(log: Log, clock: Clock = systemClock) {
    this.#log = log;
    this.#clock = clock;
    this.holds = new Holds(clock);
    this.recentRemovals = new RecentRemovals(this, clock);
  }

  /** Store revision up to which everything is known here. */
  get revision(): number {
    return this.#revision;
  }

  /** The same, but for a store that went back: the highest revision ever known here. */
  get highestRevision(): number {
    return this.#highestRevision;
  }

  /** Revision of the last write by any replica; 0 before the first. */
  get writerRevision(): number {
    return this.meta(writerKey)?.revision ?? 0;
  }

  get(key: ResourceKey): AnyResource | undefined {
    return this.#find(key)?.resource;
  }

  *list(kind: Kind): Iterable<AnyResource> {
    for (const stored of this.#byKind[kind].values()) yield stored.resource;
  }

  stored(kind: Kind, name: string): StoredResource | undefined {
    return this.#byKind[kind].get(name);
  }

  /** False for what is here but in the store no more. */
  isInStore(key: ResourceKey): boolean {
    return this.holds.of(key)?.cause !== 'listing';
  }

  /** Revision of what the store has under the key, good or not; 0 when it has nothing there. */
  revisionInStore(key: ResourceKey): number {
    const fault = this.faults.of(key);
    if (fault) return fault.revision;
    return (this.isInStore(key) && this.#find(key)?.revision) || 0;
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

  /** Calls the listener after the store was replaced by another one or an older copy, whose revisions begin anew. */
  subscribeReplaced(listener: () => void): () => void {
    this.#replacedListeners.add(listener);
    return () => this.#replacedListeners.delete(listener);
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

  onListing({ revision, entries }: Listing, { isOtherStore = revision < this.#revision } = {}): void {
    const keys = new Set(entries.map((entry) => entry.key));
    const known = [...[...this.all()].map(({ key }) => key).filter((key) => this.isInStore(key)), ...this.#meta.keys()];
    this.#take({
      revision,
      entries: isOtherStore ? entries : entries.filter((entry) => this.#isNews(entry)),
      deleted: [...known, ...this.faults.all().map(({ key }) => key)].filter((key) => !keys.has(key)),
      origin: isOtherStore ? 'other store' : 'foreign',
    });
    if (isOtherStore) for (const listener of this.#replacedListeners) listener();
  }

  onChange(change: StoreChange): void {
    const { revision, events } = change;
    this.#take({
      revision,
      entries: events.flatMap((event) => (event.type === 'put' ? [event.entry] : [])),
      deleted: events.flatMap((event) => (event.type === 'delete' ? [event.key] : [])),
      origin: isOurs(change) ? 'ours' : 'foreign',
    });
  }

  #isNews(entry: StoreEntry): boolean {
    if (isMeta(entry.key)) return this.meta(entry.key)?.revision !== entry.revision;
    const key = readKey(entry.key);
    return key === null || this.revisionInStore(`${key.kind}/${key.name}`) !== entry.revision;
  }

  #take(news: News): void {
    const { revision, entries, deleted } = news;
    const removed: { kind: Kind; name: string }[] = [];
    const former: StoredResource[] = [];
    const changed: StoredResource[] = [];
    const changedMeta: string[] = [];
    const isDoubtful = news.origin !== 'ours' && deleted.some((key) => readKey(key) !== null);
    const before = isDoubtful ? countByGroup(this) : null;
    const remove = (text: string) => {
      const key = readKey(text);
      const stored = key && this.stored(key.kind, key.name);
      if (!key || !stored) return;
      this.#byKind[key.kind].delete(key.name);
      this.holds.release(stored.key);
      removed.push(key);
      former.push(stored);
    };

    for (const entry of entries) {
      if (isMeta(entry.key)) {
        this.#meta.set(entry.key, entry);
        changedMeta.push(entry.key);
        if (entry.key === releasedKey) for (const key of releasedKeys(entry)) if (!this.isInStore(key)) remove(key);
      }
      const key = readKey(entry.key);
      if (!key) continue;
      const stored = this.#read(entry);
      if (!stored) {
        this.#findAgain(`${key.kind}/${key.name}`);
        continue;
      }
      const replaced = this.stored(key.kind, key.name);
      if (replaced) former.push(replaced);
      this.#byKind[key.kind].set(key.name, stored);
      this.holds.release(stored.key);
      changed.push(stored);
    }
    for (const key of deleted) {
      if (this.#meta.delete(key)) changedMeta.push(key);
      this.faults.end(key);
    }
    if (!before || !this.#hold(deleted, before, news.origin === 'other store')) for (const key of deleted) remove(key);

    if (!isAnsweredFor(revision, this.meta(writerKey))) this.recentRemovals.note(former);
    this.#revision = revision;
    this.#highestRevision = Math.max(this.#highestRevision, revision);
    if (changed.length > 0 || removed.length > 0)
      for (const listener of this.#listeners) listener({ revision, changed, removed });
    for (const key of changedMeta) for (const listener of this.#metaListeners) listener(key);
    for (const waiting of this.#waiting) if (revision >= waiting.revision) waiting.resolve(true);
  }

  /** Keeps what the store lost, when that is too much to be believed; tells whether it does. */
  #hold(deleted: readonly string[], before: ReturnType<typeof countByGroup>, isOtherStore: boolean): boolean {
    const lost = new Set<ResourceKey>();
    for (const text of deleted) {
      const key = readKey(text);
      if (key && this.stored(key.kind, key.name)) lost.add(`${key.kind}/${key.name}`);
    }
    if (lost.size === 0) return false;
    const left = new Overlay(this);
    for (const key of lost) left.remove(key);
    const why = whyToHold({ keys: lost, before, left, recent: this.recentRemovals }, isOtherStore);
    if (why === null) return false;
    const hold = listingHoldId([...lost]);
    this.holds.add(hold, 'listing', why, lost);
    const count = lost.size;
    this.#log.warn('kept what is gone from the store until somebody decides; see meshlane holds', { hold, count, why });
    return true;
  }

  /** The store has something under the key: what is good of it may be old, and is no longer lost. */
  #findAgain(key: ResourceKey): void {
    if (!this.isInStore(key)) this.holds.release(key);
  }

  #find(key: ResourceKey): StoredResource | undefined {
    const slash = key.indexOf('/');
    return this.stored(key.slice(0, slash) as Kind, key.slice(slash + 1));
  }

  /**
   * Null for an entry that is no resource of ours, as after an edit by hand or a downgrade: what was good before stays in
   * force, and the fault is told until the entry is good again or gone.
   */
  #read(entry: StoreEntry): StoredResource | null {
    let document: unknown;
    try {
      document = JSON.parse(entry.value);
    } catch {
      document = null;
    }
    const read = readResource(document);
    if (read.ok && keyOf(read.value) === entry.key) {
      this.faults.end(entry.key);
      const { kind, name } = read.value;
      return new StoredResource(read.value, entry, this.stored(kind, name));
    }
    const why = read.ok ? 'its name is not its key' : formatIssues(read.issues);
    this.faults.add(entry, why, new Date(this.#clock.wallMs()).toISOString());
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
