/** etcd as the store. Of etcd3 only the calls are used: connections, logins and watches are our own. */
import type * as RPC from 'etcd3';
import { KVClient, LeaseClient } from 'etcd3';
import { callMs, EtcdConnections } from './etcd-connections.ts';
import { toStoreError } from './etcd-errors.ts';
import { EtcdKeys, endOf } from './etcd-keys.ts';
import { LeaseRenewals } from './etcd-lease-renewals.ts';
import { EtcdWatch } from './etcd-watch.ts';
import {
  BatchTooLarge,
  type CommitResult,
  type Listing,
  LoginRefused,
  type Operation,
  type Store,
  type StoreEntry,
  type StoreKey,
  type WatchSink,
} from './store.ts';
import type { StoreAccess } from './store-access.ts';

/** etcd's own default of --max-txn-ops. */
const mostOperations = 128;
const pageSize = 1_000;

/** Connects lazily: the first call tells whether etcd is there. `folder` is the prefix of all our keys. */
export function openEtcd(name: string, hosts: readonly string[], folder: string, access: StoreAccess): Store {
  return new EtcdStore(name, hosts, new EtcdKeys(`/${folder}/`), access);
}

class EtcdStore implements Store {
  readonly name: string;
  readonly isShared = true;
  readonly mostOperations = mostOperations;
  readonly #connections: EtcdConnections;
  readonly #kv: KVClient;
  readonly #lease: LeaseClient;
  readonly #renewals: LeaseRenewals;
  readonly #keys: EtcdKeys;
  readonly #watches = new Set<EtcdWatch>();

  constructor(name: string, hosts: readonly string[], keys: EtcdKeys, access: StoreAccess) {
    this.name = name;
    this.#keys = keys;
    this.#connections = new EtcdConnections(hosts, access);
    this.#kv = new KVClient(this.#connections);
    this.#lease = new LeaseClient(this.#connections);
    this.#renewals = new LeaseRenewals(this.#lease, callMs, (error) => toStoreError(name, error));
  }

  async get(key: string): Promise<StoreEntry | null> {
    const { kvs } = await this.#call(this.#kv.range({ key: this.#keys.path(key) }));
    return kvs[0] ? this.#keys.entry(kvs[0]) : null;
  }

  async list(prefix: string): Promise<Listing> {
    return this.#read(prefix, false, (kv) => this.#keys.entry(kv));
  }

  async keys(prefix: string): Promise<Listing<StoreKey>> {
    return this.#read(prefix, true, (kv) => this.#keys.storeKey(kv));
  }

  async commit(operations: readonly Operation[]): Promise<CommitResult> {
    if (operations.length > mostOperations)
      throw new BatchTooLarge(
        `etcd takes at most ${mostOperations - 2} resources in one request; apply them in smaller parts`,
      );
    const leases = await this.#grantLeases(operations);
    const compare: RPC.ICompare[] = [];
    for (const { key, expected } of operations)
      if (expected !== undefined)
        compare.push({ key: this.#keys.path(key), target: 'Mod', result: 'Equal', mod_revision: expected });
    const success = operations.map((operation, i): RPC.IRequestOp => {
      const key = this.#keys.path(operation.key);
      if (operation.type === 'delete') return { request_delete_range: { key } };
      return { request_put: { key, value: Buffer.from(operation.value), lease: leases[i] ?? 0 } };
    });
    const result = await this.#call(this.#kv.txn({ compare, success, failure: [] }));
    // No key hangs on these any more, or yet. One that cannot be given back now fades away in its own time.
    const unused = result.succeeded ? operations.map(({ formerLease }) => formerLease) : leases;
    for (const lease of unused) if (lease) this.#lease.leaseRevoke({ ID: lease }).catch(() => undefined);
    return result.succeeded ? { ok: true, revision: Number(result.header.revision) } : { ok: false };
  }

  watch(prefix: string, fromRevision: number, sink: WatchSink): { close(): void } {
    const watch = new EtcdWatch(this.#connections, this.#keys, fromRevision, sink, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    void watch.open(prefix);
    return { close: () => watch.close() };
  }

  keepAlive(lease: string): Promise<boolean> {
    return this.#renewals.renew(lease);
  }

  async leaseTime(lease: string): Promise<{ remainingMs: number; grantedMs: number } | null> {
    const { TTL, grantedTTL } = await this.#call(this.#lease.leaseTimeToLive({ ID: lease }));
    const seconds = Number(TTL);
    // etcd cuts the fraction off; rounding up never makes a renewed lease look stale.
    return seconds < 0 ? null : { remainingMs: (seconds + 1) * 1000, grantedMs: Number(grantedTTL) * 1000 };
  }

  async close(): Promise<void> {
    for (const watch of [...this.#watches]) watch.close();
    this.#renewals.close();
    this.#connections.close();
  }

  async #read<T>(prefix: string, keysOnly: boolean, toEntry: (kv: RPC.IKeyValue) => T): Promise<Listing<T>> {
    const end = endOf(this.#keys.path(prefix));
    const entries: T[] = [];
    let key = this.#keys.path(prefix);
    let revision = 0;
    for (;;) {
      // Later pages are read at the first one's revision, so that together they are one moment.
      const range = { key, range_end: end, limit: pageSize, revision, keys_only: keysOnly };
      const page = await this.#call(this.#kv.range(range));
      if (revision === 0) revision = Number(page.header.revision);
      for (const kv of page.kvs) entries.push(toEntry(kv));
      const last = page.kvs.at(-1);
      if (!page.more || !last) return { revision, entries };
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
  }

  async #grantLeases(operations: readonly Operation[]): Promise<(string | null)[]> {
    const grants = operations.map(async (operation) => {
      if (operation.type !== 'put' || operation.leaseSeconds === undefined) return null;
      return (await this.#call(this.#lease.leaseGrant({ TTL: operation.leaseSeconds }))).ID;
    });
    return Promise.all(grants);
  }

  async #call<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      const fault = toStoreError(this.name, error);
      // A watch that was opened before would go on, and nobody would see that we are not wanted.
      if (fault instanceof LoginRefused)
        for (const watch of [...this.#watches]) watch.lose('disconnected', fault.message);
      throw fault;
    }
  }
}
