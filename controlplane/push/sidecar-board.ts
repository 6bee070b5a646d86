/**
 * How far the sidecars of all control planes are. Each tells the others of its own in an entry of the store that hangs on
 * a lease. The entry of one that is killed, or stops, is there for as long as its sidecars take to be at another one: until
 * then no later change counts as applied.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Log } from '../../observability/logging/log.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../message-of.ts';
import type { Following } from '../store/follow.ts';
import type { Store } from '../store/store.ts';
import type { PushHub } from './push-hub.ts';
import type { Rollout } from './rollouts.ts';
import { isToldKey, type Others, readTold, type Told, toldKey } from './told.ts';

const lookMs = 200;
const leastPauseMs = 1_000;
const renewMs = 1_000;
/** Sidecars are back within 2.4 s; etcd takes up to a second more to end a lease. */
const leaseSeconds = 4;

export type SidecarBoardParts = {
  readonly catalog: Catalog;
  readonly hub: PushHub;
  readonly store: Store;
  readonly following: Pick<Following, 'problem'>;
  readonly clock: Clock;
  readonly log: Log;
};

export class SidecarBoard {
  readonly #parts: SidecarBoardParts;
  readonly #replica = `${hostname()}-${randomUUID().slice(0, 8)}`;
  readonly #key = toldKey(this.#replica);
  readonly #told = new Map<string, { readonly told: Told; readonly created: number }>();
  readonly #unsubscribe: readonly (() => void)[];
  #said = 0;
  #wroteMs = Number.NEGATIVE_INFINITY;
  #renewedMs = Number.NEGATIVE_INFINITY;
  #hasFailed = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: SidecarBoardParts) {
    this.#parts = parts;
    const { catalog, store } = parts;
    const hear = (key: string) => {
      if (store.isShared && isToldKey(key) && key !== this.#key) this.#hear(key);
    };
    for (const key of catalog.metaKeys()) hear(key);
    this.#unsubscribe = [
      catalog.subscribeMeta(hear),
      catalog.subscribeReplaced(() => {
        this.#said = 0;
      }),
    ];
  }

  /** Tells the others from now on, if there can be any; resolves when it has been tried once. */
  async start(): Promise<void> {
    if (!this.#parts.store.isShared) return;
    this.#turn = this.#look();
    await this.#turn;
    if (!this.#isClosed) this.#plan();
  }

  /** Null when nothing is known of that revision. */
  rollout(revision: number | 'latest'): Rollout | null {
    return this.#parts.hub.rollout(revision, this.#others());
  }

  /** How many sidecars the other control planes have. */
  get elsewhere(): readonly { replica: string; sidecars: number }[] {
    return this.#others().told.map(({ replica, connected }) => ({ replica, sidecars: connected }));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const end of this.#unsubscribe) end();
    await this.#turn;
  }

  #plan(): void {
    this.#timer = setTimeout(() => {
      this.#turn = this.#look().finally(() => {
        if (!this.#isClosed) this.#plan();
      });
    }, lookMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    try {
      await this.#tell();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed)
        this.#parts.log.warn('the other control planes cannot be told of the sidecars here', { why: messageOf(error) });
      this.#hasFailed = true;
    }
  }

  /**
   * Writes what is new, at most once a second; else sees to it that it stays. Never writes on what is not known here: it
   * would count up the revisions of a store that went back, which is known by being behind.
   */
  async #tell(): Promise<void> {
    const { catalog, hub, store, following, clock } = this.#parts;
    if (following.problem !== null) return;
    const nowMs = clock.monotonicMs();
    const entry = catalog.meta(this.#key);
    const told = hub.tell(this.#others(), this.#said);
    const value = JSON.stringify(told);
    if (value !== entry?.value && nowMs - this.#wroteMs >= leastPauseMs) {
      this.#wroteMs = this.#renewedMs = nowMs;
      const former = entry?.lease ? { formerLease: entry.lease } : {};
      const put = {
        type: 'put',
        key: this.#key,
        value,
        expected: entry?.revision ?? 0,
        leaseSeconds,
        ...former,
      } as const;
      const { ok } = await store.commit([put]);
      if (ok) this.#said = told.revision;
    } else if (entry?.lease && nowMs - this.#renewedMs >= renewMs) {
      this.#renewedMs = nowMs;
      await store.keepAlive(entry.lease);
    }
  }

  #others(): Others {
    const all = [...this.#told.values()];
    const ownCreated = this.#parts.catalog.meta(this.#key)?.created ?? Number.POSITIVE_INFINITY;
    return { told: all.map(({ told }) => told), hasElder: all.some(({ created }) => created < ownCreated) };
  }

  #hear(key: string): void {
    const entry = this.#parts.catalog.meta(key);
    const told = entry ? readTold(entry) : null;
    if (!entry || !told) {
      this.#told.delete(key);
      return;
    }
    this.#told.set(key, { told, created: entry.created });
    const connected = told.laggards.filter((laggard) => laggard.connected).map(({ sidecar }) => sidecar);
    this.#parts.hub.letGo([...told.here, ...connected]);
  }
}
