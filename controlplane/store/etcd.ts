/**
 * etcd as the store. Of etcd3 only the calls are used: its own watcher resumes from header revisions (and so may skip
 * events), stops for good on a compaction and handles each failure twice. A watch here is one raw stream that ends with
 * `onLost`; the follower decides how to go on. Retries are off, since a transaction that is sent twice can fail its own
 * comparison the second time.
 */

import type * as RPC from 'etcd3';
import { KVClient, LeaseClient, WatchClient } from 'etcd3';
import { ConnectionPool } from 'etcd3/lib/connection-pool.js';
import { channelOptions } from '../../shared/grpc/grpc.ts';
import { LeaseRenewals } from './etcd-lease-renewals.ts';
import {
  BatchTooLarge,
  type CommitResult,
  type Listing,
  type Operation,
  type Store,
  type StoreEntry,
  type StoreEvent,
  StoreUnavailable,
  type WatchSink,
} from './store.ts';

/** etcd's own default of --max-txn-ops. */
const mostOperations = 128;
const callMs = 5_000;
const pageSize = 1_000;

/** Runs the call once and lets its error through, as a rejection: what etcd3 takes in place of its retries and circuit breakers. */
const once = {
  execute: async <T>(call: (context: { signal: AbortSignal }) => T) => call({ signal: new AbortController().signal }),
};
type Policy = NonNullable<NonNullable<RPC.IOptions['faultHandling']>['global']>;
const oncePolicy = once as unknown as Policy;

/** Connects lazily: the first call tells whether etcd is there. `folder` is the prefix of all our keys. */
export function openEtcd(name: string, hosts: readonly string[], folder: string): Store {
  return new EtcdStore(name, hosts, `/${folder}/`);
}

class EtcdStore implements Store {
  readonly name: string;
  readonly mostOperations = mostOperations;
  readonly #pool: ConnectionPool;
  readonly #kv: KVClient;
  readonly #lease: LeaseClient;
  readonly #watch: WatchClient;
  readonly #renewals: LeaseRenewals;
  readonly #root: string;
  readonly #watches = new Set<{ close(): void }>();

  constructor(name: string, hosts: readonly string[], root: string) {
    this.name = name;
    this.#root = root;
    this.#pool = new ConnectionPool({
      hosts: hosts.map((host) => `http://${host}`),
      grpcOptions: {
        ...channelOptions,
        'grpc.initial_reconnect_backoff_ms': 100,
        'grpc.max_reconnect_backoff_ms': 2_000,
      },
      defaultCallOptions: (context) => (context.isStream ? {} : { deadline: Date.now() + callMs }),
      faultHandling: { global: oncePolicy, host: () => oncePolicy },
    });
    this.#kv = new KVClient(this.#pool);
    this.#lease = new LeaseClient(this.#pool);
    this.#watch = new WatchClient(this.#pool);
    this.#renewals = new LeaseRenewals(this.#lease, callMs, (error) => this.#unavailable(error));
  }

  async get(key: string): Promise<StoreEntry | null> {
    const { kvs } = await this.#call(this.#kv.range({ key: this.#path(key) }));
    return kvs[0] ? this.#entry(kvs[0]) : null;
  }

  async list(prefix: string): Promise<Listing> {
    const end = endOf(this.#path(prefix));
    const entries: StoreEntry[] = [];
    let key = this.#path(prefix);
    let revision = 0;
    for (;;) {
      // Later pages are read at the first one's revision, so that together they are one moment.
      const page = await this.#call(this.#kv.range({ key, range_end: end, limit: pageSize, revision }));
      if (revision === 0) revision = Number(page.header.revision);
      for (const kv of page.kvs) entries.push(this.#entry(kv));
      const last = page.kvs.at(-1);
      if (!page.more || !last) return { revision, entries };
      key = Buffer.concat([last.key, Buffer.of(0)]);
    }
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
        compare.push({ key: this.#path(key), target: 'Mod', result: 'Equal', mod_revision: expected });
    const success = operations.map((operation, i): RPC.IRequestOp => {
      const key = this.#path(operation.key);
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
    let stream: RPC.IDuplexStream<RPC.IWatchRequest, RPC.IWatchResponse> | null = null;
    let over = false;
    const end = () => {
      over = true;
      this.#watches.delete(handle);
      if (stream) cancel(stream);
    };
    const lose: WatchSink['onLost'] = (reason, detail) => {
      if (over) return;
      end();
      sink.onLost(reason, detail);
    };
    const handle = { close: end };
    this.#watches.add(handle);
    const open = async () => {
      stream = await this.#watch.watch();
      // Errors of a cancelled stream arrive late; without a listener they would end the process.
      stream.on('error', (error) => lose('disconnected', textOf(error)));
      stream.on('end', () => lose('disconnected', 'etcd ended the watch'));
      if (over) return cancel(stream);
      stream.on('data', (response) => {
        if (!over) this.#take(response, fromRevision, sink, lose);
      });
      const key = this.#path(prefix);
      stream.write({ create_request: { key, range_end: endOf(key), start_revision: fromRevision } });
    };
    open().catch((error: unknown) => lose('disconnected', textOf(error)));
    return handle;
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
    this.#pool.close();
  }

  #take(response: RPC.IWatchResponse, from: number, sink: WatchSink, lose: WatchSink['onLost']): void {
    const end = endOfWatch(response, from);
    if (end) {
      lose(...end);
      return;
    }
    if (response.created) sink.onOpen?.();
    for (let i = 0; i < response.events.length; ) {
      const at = response.events[i]!.kv.mod_revision;
      const events: StoreEvent[] = [];
      // The events of one revision always come in one response, one after the other.
      for (; response.events[i]?.kv.mod_revision === at; i++) {
        const { type, kv } = response.events[i]!;
        if (type === 'Delete') events.push({ type: 'delete', key: this.#keyOf(kv.key) });
        else events.push({ type: 'put', entry: this.#entry(kv) });
      }
      sink.onChange({ revision: Number(at), events });
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
      throw this.#unavailable(error);
    }
  }

  #unavailable(error: unknown): Error {
    const text = textOf(error);
    if (/too many operations|request is too large/i.test(text))
      return new BatchTooLarge(`etcd refuses so much at once: ${text}`);
    return new StoreUnavailable(`${this.name}: ${text}`);
  }

  #path(key: string): Buffer {
    return Buffer.from(this.#root + key);
  }

  #keyOf(path: Buffer): string {
    return path.toString('utf8').slice(this.#root.length);
  }

  #entry(kv: RPC.IKeyValue): StoreEntry {
    return {
      key: this.#keyOf(kv.key),
      value: kv.value.toString('utf8'),
      revision: Number(kv.mod_revision),
      created: Number(kv.create_revision),
      lease: kv.lease === '0' ? null : kv.lease,
    };
  }
}

/** Why this response is the last one of its watch, if it is. */
function endOfWatch(response: RPC.IWatchResponse, from: number): Parameters<WatchSink['onLost']> | null {
  const revision = Number(response.header.revision);
  if (Number(response.compact_revision) > 0)
    return ['compacted', `etcd was compacted at revision ${response.compact_revision}`];
  if (response.canceled) return ['disconnected', response.cancel_reason || 'etcd cancelled the watch'];
  // A store that went back, as after a restore, would stay silent until it caught up.
  if (response.created && revision < from - 1)
    return ['compacted', `etcd is at revision ${revision}, before the expected ${from}`];
  return null;
}

/** The first key after all that start with the prefix. */
function endOf(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1; // our prefixes end in "/" or a letter, never in 0xff
  return end;
}

/** Ended first: etcd3 takes a writable stream's cancellation for a failure and closes the connections of all calls. */
function cancel(stream: RPC.IDuplexStream<RPC.IWatchRequest, RPC.IWatchResponse>): void {
  stream.end();
  stream.cancel();
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
