/**
 * What the control plane needs from a store: a map of texts whose every change has a number. The number (`revision`) is
 * global, grows with each change and never goes back, so a reader can list everything at a revision and then follow all
 * that comes after it without a gap. The contract suite runs over every implementation.
 */
export type StoreKey = {
  readonly key: string;
  /** Revision of the last change of this key. */
  readonly revision: number;
};

export type StoreEntry = StoreKey & {
  readonly value: string;
  /** Revision at which this key came to be; a key that was deleted and put again is new. */
  readonly created: number;
  /** Names the lease the entry hangs on; null when it stays until deleted. */
  readonly lease: string | null;
};

export type Operation =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: string;
      /** Revision the key must have for the batch to happen; 0 when it must not exist. */
      readonly expected?: number;
      /** The entry is deleted when so many seconds pass without `keepAlive`. */
      readonly leaseSeconds?: number;
      /** Lease the key hung on until now; given back when the batch is done. Without it, it fades away in its own time. */
      readonly formerLease?: string;
    }
  | { readonly type: 'delete'; readonly key: string; readonly expected?: number; readonly formerLease?: string };

export type CommitResult =
  | { readonly ok: true; readonly revision: number }
  /** Some key was not at its expected revision, so nothing was done. */
  | { readonly ok: false };

export type StoreEvent =
  | { readonly type: 'put'; readonly entry: StoreEntry }
  | { readonly type: 'delete'; readonly key: string };

/** Everything that happened at one revision. */
export type StoreChange = { readonly revision: number; readonly events: readonly StoreEvent[] };

export type Listing<Entry = StoreEntry> = { readonly revision: number; readonly entries: readonly Entry[] };

export type WatchSink = {
  /** The store follows from now on; comes once, before the first change. */
  onOpen?(): void;
  onChange(change: StoreChange): void;
  /**
   * The watch is over and nothing more will come. `compacted`: the store no longer has the changes from that revision
   * on, so the reader has to list again. Not called after `close`.
   */
  onLost(reason: 'compacted' | 'disconnected', detail: string): void;
};

export type Store = {
  /** As it is written in `--store`. */
  readonly name: string;
  /** Whether several control planes can work on it. */
  readonly isShared: boolean;
  /** Operations that fit in one batch. */
  readonly mostOperations: number;
  /** Rejects with StoreUnavailable when the store cannot be reached, like every other call. */
  get(key: string): Promise<StoreEntry | null>;
  /** All entries whose key starts with the prefix, in the order of their keys, as they were at one revision. */
  list(prefix: string): Promise<Listing>;
  /** The same without the values, which costs a fraction. */
  keys(prefix: string): Promise<Listing<StoreKey>>;
  /**
   * Does all operations at one new revision, or none. No key may appear twice. Once it resolves, the change survives
   * kill -9. When it rejects, the change may have happened or not.
   */
  commit(operations: readonly Operation[]): Promise<CommitResult>;
  /** Follows the changes from that revision on, that one included. */
  watch(prefix: string, fromRevision: number, sink: WatchSink): { close(): void };
  /** Renews a lease for its full time; false when it is gone. */
  keepAlive(lease: string): Promise<boolean>;
  /** Milliseconds a lease has left and its full time; null when it is gone. The time left is never overstated by more than 1 s. */
  leaseTime(lease: string): Promise<{ remainingMs: number; grantedMs: number } | null>;
  close(): Promise<void>;
};

/** The store did not answer. Whether a commit happened is not known. */
export class StoreUnavailable extends Error {}

/** The store does not know us: nothing was done. */
export class LoginRefused extends StoreUnavailable {}

/** The store has no room for more: nothing was done. The message says how to make some. */
export class StoreFull extends StoreUnavailable {}

/** The batch can never be stored as it is. */
export class BatchTooLarge extends Error {}
