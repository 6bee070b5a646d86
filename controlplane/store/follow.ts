import { randomInt } from 'node:crypto';
import type { Log } from '../../observability/logging/log.ts';
import { messageOf } from '../message-of.ts';
import { KnownKeys } from './known-keys.ts';
import { createMeshId, meshKey, readMeshId } from './mesh-id.ts';
import type { Listing, Store, StoreChange } from './store.ts';

export type ListingNews = {
  /** The store is not the one that was listed before (it was wiped, say), or was taken back to an earlier state. */
  readonly isOtherStore: boolean;
};

export type FollowSink = {
  /** Everything there is, at a revision; comes first, and again whenever changes could have been missed. */
  onListing(listing: Listing, news: ListingNews): void;
  onChange(change: StoreChange): void;
};

export type Following = {
  /** Why what is known may be old; null while the store is followed. */
  readonly problem: string | null;
  /** Keys that a comparison found to be unlike the store's, since the start. */
  readonly differences: number;
  close(): void;
};

const firstPauseMs = 100;
const longestPauseMs = 2_000;
const failuresPerWarning = 15;
const compareEveryMs = 60_000;
/** Time that a watch may be behind a listing. */
const settleMs = 2_000;
const mostKeysLogged = 10;

/** Resolves once the first listing is there. */
export async function follow(
  store: Store,
  sink: FollowSink,
  log: Log,
  signal?: AbortSignal,
  compareMs = compareEveryMs,
): Promise<Following> {
  const follower = new Follower(store, sink, log, compareMs);
  const stop = () => follower.close();
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  else void follower.list();
  await follower.listed;
  return follower;
}

/**
 * Lists the store and follows it for ever: a watch that breaks is taken up after the last change that was seen, once it
 * is sure that the store is still the same; when it is not, or no longer has the changes from there on, it is listed
 * again. Since a watch may also lose changes without a word, all keys are compared each minute, and after each break.
 *
 *     list -> watch -> compare every minute
 *      ^  <-----'  '-> lost -> pause -> is it the same store? -> watch, compare at once
 *      '-----------------------------------------'
 */
class Follower implements Following {
  readonly #store: Store;
  readonly #sink: FollowSink;
  readonly #log: Log;
  readonly #compareMs: number;
  readonly #listed = Promise.withResolvers<void>();
  readonly #known = new KnownKeys();
  #watch: { close(): void } | null = null;
  #retry: NodeJS.Timeout | undefined;
  #comparison: NodeJS.Timeout | undefined;
  #failures = 0;
  #mesh = '';
  #last = 0;
  #isClosed = false;
  problem: string | null = 'the store was not read yet';
  differences = 0;

  constructor(store: Store, sink: FollowSink, log: Log, compareMs: number) {
    this.#store = store;
    this.#sink = sink;
    this.#log = log;
    this.#compareMs = compareMs;
  }

  get listed(): Promise<void> {
    return this.#listed.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.problem = 'closed';
    clearTimeout(this.#retry);
    this.#endWatch();
    this.#listed.reject(new Error('stopped before the store could be read'));
  }

  async list(): Promise<void> {
    try {
      const listing = await this.#listWithMeshId();
      if (this.#isClosed) return;
      this.#take(listing);
      this.#listed.resolve();
      this.#follow(this.#compareMs);
    } catch (error) {
      this.#tryLater(() => this.list(), messageOf(error));
    }
  }

  async #listWithMeshId(): Promise<Listing> {
    const listing = await this.#store.list('');
    const entry = meshEntryOf(listing);
    if (readMeshId(entry) !== '' || this.#isClosed) return listing;
    try {
      await createMeshId(this.#store, entry, this.#mesh);
    } catch (error) {
      // A store that is full can still be read.
      this.#log.warn('the mesh could not be given an id', { store: this.#store.name, why: messageOf(error) });
      return listing;
    }
    return this.#store.list('');
  }

  #take(listing: Listing): void {
    const mesh = readMeshId(meshEntryOf(listing));
    const isOtherStore = (this.#mesh !== '' && mesh !== this.#mesh) || listing.revision < this.#last;
    if (isOtherStore)
      this.#log.warn('the store is another one than before, or was taken back to an earlier state', {
        store: this.#store.name,
        mesh,
        formerMesh: this.#mesh,
        revision: listing.revision,
        formerRevision: this.#last,
      });
    this.#mesh = mesh;
    this.#last = listing.revision;
    this.#known.replace(listing);
    this.#sink.onListing(listing, { isOtherStore });
  }

  #follow(compareAfterMs: number): void {
    this.#watch = this.#store.watch('', this.#last + 1, {
      onOpen: () => {
        if (this.#failures > 0)
          this.#log.info('the store is followed', { store: this.#store.name, revision: this.#last });
        this.problem = null;
        this.#failures = 0;
        this.#planComparison(compareAfterMs);
      },
      onChange: (change) => {
        this.#last = change.revision;
        this.#known.apply(change);
        this.#sink.onChange(change);
      },
      onLost: (reason, detail) => {
        this.#endWatch();
        this.#tryLater(() => (reason === 'compacted' ? this.list() : this.#resume()), detail);
      },
    });
  }

  /** After a break: what is there may be another store, whose revisions say nothing about ours. */
  async #resume(): Promise<void> {
    try {
      const mesh = readMeshId(await this.#store.get(meshKey));
      if (this.#isClosed) return;
      if (mesh === this.#mesh) this.#follow(0);
      else await this.list();
    } catch (error) {
      this.#tryLater(() => this.#resume(), messageOf(error));
    }
  }

  #planComparison(afterMs: number): void {
    // Not all control planes at once.
    const ms = afterMs === 0 ? 0 : afterMs - randomInt(Math.ceil(afterMs / 10));
    this.#comparison = setTimeout(() => void this.#compare(this.#watch), ms);
  }

  async #compare(watch: unknown): Promise<void> {
    const isOver = () => this.#isClosed || this.#watch !== watch;
    try {
      const different = await this.#known.differences(this.#store, settleMs);
      const mesh = readMeshId(await this.#store.get(meshKey));
      if (isOver()) return;
      if (different.length === 0 && mesh === this.#mesh && mesh !== '') return this.#planComparison(this.#compareMs);
      this.differences += different.length;
      if (different.length > 0)
        this.#log.warn('what is known here is not what the store has; it is listed again', {
          store: this.#store.name,
          differences: different.length,
          keys: different.slice(0, mostKeysLogged),
        });
      this.#endWatch();
      await this.list();
    } catch (error) {
      if (isOver()) return;
      this.#endWatch();
      this.#tryLater(() => this.#resume(), messageOf(error));
    }
  }

  #endWatch(): void {
    clearTimeout(this.#comparison);
    this.#watch?.close();
    this.#watch = null;
  }

  #tryLater(step: () => Promise<void>, why: string): void {
    if (this.#isClosed) return;
    this.problem = why;
    if (this.#failures % failuresPerWarning === 0)
      this.#log.warn('the store cannot be reached; trying again', { store: this.#store.name, why });
    const pauseMs = Math.min(firstPauseMs * 2 ** Math.min(this.#failures, 10), longestPauseMs);
    this.#retry = setTimeout(() => void step(), pauseMs / 2 + randomInt(pauseMs / 2));
    this.#failures++;
  }
}

function meshEntryOf({ entries }: Listing) {
  return entries.find(({ key }) => key === meshKey);
}
