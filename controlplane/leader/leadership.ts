/**
 * One control plane of all on a store is the leader: it holds a key with a lease. It trusts its lease a little less long
 * than the store does, counted from before it asked for it, so that there are never two.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Log } from '../../observability/logging/log.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../message-of.ts';
import type { Store } from '../store/store.ts';

export const leaderKey = 'meta/leader';

/** etcd grants no less than 2 s. */
const leaseSeconds = 3;
const trustedMs = leaseSeconds * 1000 - 500;
const renewMs = 1_000;
/** Longest wait for the store at the end; without it, the lease ends by itself. */
const handOnMs = 1_000;

type Term = { readonly lease: string; readonly revision: number };

export class Leadership {
  readonly #catalog: Catalog;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #id = randomUUID();
  readonly #unsubscribe: () => void;
  #term: Term | null = null;
  #trustedUntilMs = 0;
  #hasSeenAnother = false;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | null = null;
  #closed = false;

  constructor(catalog: Catalog, store: Store, clock: Clock, log: Log) {
    this.#catalog = catalog;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#unsubscribe = catalog.subscribeMeta((key) => {
      if (key === leaderKey) this.#look();
    });
  }

  /** Stands for election at once and whenever nobody leads; resolves when the first one is over. */
  async start(): Promise<void> {
    this.#begin();
    await this.#round;
  }

  get isLeader(): boolean {
    return this.#term !== null && this.#clock.monotonicMs() < this.#trustedUntilMs;
  }

  /** Hands the office on. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unsubscribe();
    clearTimeout(this.#timer);
    await Promise.race([this.#handOn(), wait(handOnMs, undefined, { ref: false })]);
  }

  async #handOn(): Promise<void> {
    await this.#round;
    const term = this.#term;
    this.#term = null;
    if (!term) return;
    const { lease, revision } = term;
    await this.#store
      .commit([{ type: 'delete', key: leaderKey, expected: revision, formerLease: lease }])
      .catch((error: unknown) => this.#log.info('the lead could not be handed on', { why: messageOf(error) }));
  }

  /** The entry of the leader changed. */
  #look(): void {
    const entry = this.#catalog.meta(leaderKey);
    if (this.#term && entry?.revision !== this.#term.revision) this.#stepDown();
    if (!entry) this.#begin();
  }

  #begin(): void {
    if (this.#closed || this.#round) return;
    clearTimeout(this.#timer);
    this.#round = this.#stand()
      .catch((error: unknown) => this.#log.warn('the lead could not be asked for', { why: messageOf(error) }))
      .finally(() => {
        this.#round = null;
        if (!this.#closed) this.#timer = setTimeout(() => this.#begin(), renewMs);
      });
  }

  async #stand(): Promise<void> {
    const askedMs = this.#clock.monotonicMs();
    if (this.#term) {
      if (await this.#store.keepAlive(this.#term.lease)) this.#trustedUntilMs = askedMs + trustedMs;
      else this.#stepDown();
      return;
    }
    if (this.#catalog.meta(leaderKey)) {
      this.#hasSeenAnother = true;
      return;
    }
    const value = JSON.stringify({ id: this.#id });
    const result = await this.#store.commit([{ type: 'put', key: leaderKey, value, expected: 0, leaseSeconds }]);
    if (!result.ok) return;
    const entry = await this.#store.get(leaderKey);
    if (entry?.value !== value || entry.lease === null) return;
    this.#term = { lease: entry.lease, revision: entry.revision };
    this.#trustedUntilMs = askedMs + trustedMs;
    if (this.#hasSeenAnother) this.#log.info('this control plane leads now');
  }

  #stepDown(): void {
    this.#term = null;
    this.#log.info('this control plane leads no more');
  }
}
