/**
 * The embedded store: one file, one process. SQLite's write-ahead log with synchronous=FULL means that a commit is on
 * the disk before it is acknowledged. The changes themselves are kept in memory for watchers: nobody outside this
 * process can watch, so a reader that comes after a restart lists again anyway.
 */
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../shared/time/clock.ts';
import {
  BatchTooLarge,
  type CommitResult,
  type Listing,
  type Operation,
  type Store,
  type StoreChange,
  type StoreEntry,
  type StoreEvent,
  type StoreKey,
  StoreUnavailable,
  type WatchSink,
} from './store.ts';

const changesKept = 1_000;
/** A request of 10,000 resources, the key that guards it, and its entry in the history. */
const mostOperations = 10_002;
const sweepMs = 200;

const schema = `
  CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL, lease_seconds INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO counter VALUES (1, 1);
  PRAGMA user_version = 1;`;

type Row = { key: string; value: string; revision: number; created: number; lease_seconds: number | null };
type Lease = { readonly revision: number; readonly grantedMs: number; deadlineMs: number };
type Watcher = { readonly prefix: string; readonly sink: WatchSink };

/** Opens or makes the file; `:memory:` keeps nothing. Throws an Error that says why it cannot be used. */
export function openSqlite(file: string, clock: Clock): Store {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(file);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
    if (version > 1) throw new Error('it was written by a newer Meshlane');
    database.exec(`BEGIN EXCLUSIVE; ${schema} COMMIT;`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (/locked|busy/i.test(why))
      throw new Error(`${file} is in use by another control plane; stop it or choose another file with --store`);
    throw new Error(`cannot use ${file} as a store: ${why}; choose another file with --store sqlite:FILE`);
  }
  return new SqliteStore(file, database, clock);
}

class SqliteStore implements Store {
  readonly name: string;
  readonly isShared = false;
  readonly mostOperations = mostOperations;
  readonly #database: DatabaseSync;
  readonly #clock: Clock;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #watchers = new Set<Watcher>();
  readonly #changes: StoreChange[] = [];
  /** By the key that hangs on it. */
  readonly #leases = new Map<string, Lease>();
  readonly #sweeper: NodeJS.Timeout;
  #revision: number;
  /** Changes up to this revision are no longer in memory. */
  #forgotten: number;
  #closed = false;

  constructor(file: string, database: DatabaseSync, clock: Clock) {
    this.name = `sqlite:${file}`;
    this.#database = database;
    this.#clock = clock;
    this.#statements = prepare(database);
    this.#revision = (this.#statements.revision.get() as { revision: number }).revision;
    this.#forgotten = this.#revision;
    // Nobody could renew while this process was away, so every lease begins anew.
    for (const row of this.#statements.leased.all() as Row[]) this.#grant(row.key, row.revision, row.lease_seconds!);
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs);
    this.#sweeper.unref();
  }

  async get(key: string): Promise<StoreEntry | null> {
    this.#mustBeOpen();
    const row = this.#statements.get.get(key) as Row | undefined;
    return row ? toEntry(row) : null;
  }

  async list(prefix: string): Promise<Listing> {
    this.#mustBeOpen();
    const rows = this.#statements.list.all(prefix, `${prefix}\u{10ffff}`) as Row[];
    return { revision: this.#revision, entries: rows.map(toEntry) };
  }

  async keys(prefix: string): Promise<Listing<StoreKey>> {
    this.#mustBeOpen();
    const entries = this.#statements.keys.all(prefix, `${prefix}\u{10ffff}`) as StoreKey[];
    return { revision: this.#revision, entries };
  }

  async commit(operations: readonly Operation[]): Promise<CommitResult> {
    this.#mustBeOpen();
    if (operations.length > mostOperations)
      throw new BatchTooLarge(
        `SQLite takes at most ${mostOperations - 2} resources in one request; apply them in smaller parts`,
      );
    const revision = this.#revision + 1;
    const events: StoreEvent[] = [];
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const operation of operations) {
        const found = this.#statements.get.get(operation.key) as Row | undefined;
        if (operation.expected !== undefined && operation.expected !== (found?.revision ?? 0)) {
          this.#database.exec('ROLLBACK');
          return { ok: false };
        }
        if (operation.type === 'put') events.push({ type: 'put', entry: this.#put(operation, found, revision) });
        else if (found) {
          this.#statements.delete.run(operation.key);
          events.push({ type: 'delete', key: operation.key });
        }
      }
      if (events.length > 0) this.#statements.count.run(revision);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw new StoreUnavailable(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (events.length > 0) this.#publish({ revision, events }, operations);
    return { ok: true, revision: this.#revision };
  }

  watch(prefix: string, fromRevision: number, sink: WatchSink): { close(): void } {
    const watcher: Watcher = { prefix, sink };
    let closed = false;
    // Not at once, so that the caller holds the handle before the first call.
    queueMicrotask(() => {
      if (closed || this.#closed) return;
      if (fromRevision <= this.#forgotten) {
        sink.onLost('compacted', `changes up to revision ${this.#forgotten} are no longer kept`);
        return;
      }
      this.#watchers.add(watcher);
      sink.onOpen?.();
      for (const change of this.#changes) if (change.revision >= fromRevision && !closed) deliver(watcher, change);
    });
    return {
      close: () => {
        closed = true;
        this.#watchers.delete(watcher);
      },
    };
  }

  async keepAlive(lease: string): Promise<boolean> {
    const found = this.#leaseOf(lease);
    if (!found) return false;
    found.deadlineMs = this.#clock.monotonicMs() + found.grantedMs;
    return true;
  }

  async leaseTime(lease: string): Promise<{ remainingMs: number; grantedMs: number } | null> {
    const found = this.#leaseOf(lease);
    if (!found) return null;
    return { remainingMs: Math.max(0, found.deadlineMs - this.#clock.monotonicMs()), grantedMs: found.grantedMs };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.#watchers.clear();
    this.#database.close();
  }

  #put(operation: Operation & { type: 'put' }, found: Row | undefined, revision: number): StoreEntry {
    const { key, value, leaseSeconds = null } = operation;
    const row: Row = { key, value, revision, created: found?.created ?? revision, lease_seconds: leaseSeconds };
    this.#statements.put.run(key, value, revision, row.created, leaseSeconds);
    return toEntry(row);
  }

  #publish(change: StoreChange, operations: readonly Operation[]): void {
    this.#revision = change.revision;
    for (const operation of operations) {
      this.#leases.delete(operation.key);
      if (operation.type === 'put' && operation.leaseSeconds !== undefined)
        this.#grant(operation.key, change.revision, operation.leaseSeconds);
    }
    this.#changes.push(change);
    if (this.#changes.length > changesKept) this.#forgotten = this.#changes.shift()!.revision;
    for (const watcher of [...this.#watchers]) deliver(watcher, change);
  }

  #grant(key: string, revision: number, seconds: number): void {
    const grantedMs = seconds * 1000;
    this.#leases.set(key, { revision, grantedMs, deadlineMs: this.#clock.monotonicMs() + grantedMs });
  }

  #leaseOf(name: string): Lease | undefined {
    const colon = name.indexOf(':');
    const lease = this.#leases.get(name.slice(colon + 1));
    return lease && lease.revision === Number(name.slice(0, colon)) ? lease : undefined;
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const expired: Operation[] = [];
    for (const [key, lease] of this.#leases) {
      if (lease.deadlineMs > nowMs || expired.length === mostOperations) continue;
      expired.push({ type: 'delete', key });
    }
    if (expired.length === 0) return;
    // A disk that fails now is tried again by the next sweep, and every write of a user says so meanwhile.
    this.commit(expired).catch(() => undefined);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new StoreUnavailable(`${this.name} is closed`);
  }
}

function prepare(database: DatabaseSync) {
  return {
    get: database.prepare('SELECT * FROM entry WHERE key = ?'),
    list: database.prepare('SELECT * FROM entry WHERE key >= ? AND key < ? ORDER BY key'),
    keys: database.prepare('SELECT key, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key'),
    leased: database.prepare('SELECT * FROM entry WHERE lease_seconds IS NOT NULL'),
    put: database.prepare(
      'INSERT OR REPLACE INTO entry (key, value, revision, created, lease_seconds) VALUES (?, ?, ?, ?, ?)',
    ),
    delete: database.prepare('DELETE FROM entry WHERE key = ?'),
    revision: database.prepare('SELECT revision FROM counter'),
    count: database.prepare('UPDATE counter SET revision = ?'),
  };
}

function toEntry({ key, value, revision, created, lease_seconds: seconds }: Row): StoreEntry {
  return { key, value, revision, created, lease: seconds === null ? null : `${revision}:${key}` };
}

function deliver({ prefix, sink }: Watcher, { revision, events }: StoreChange): void {
  const wanted = events.filter((event) => (event.type === 'put' ? event.entry.key : event.key).startsWith(prefix));
  if (wanted.length > 0) sink.onChange({ revision, events: wanted });
}
