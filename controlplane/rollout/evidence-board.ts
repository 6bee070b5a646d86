import { randomUUID } from 'node:crypto';
import type { Log } from '../../observability/logging/log.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { messageOf } from '../message-of.ts';
import type { Store } from '../store/store.ts';
import { type Evidence, evidenceKey, readEvidence, subjectOf } from './evidence.ts';
import type { Witness } from './next-move.ts';

const leastPauseMs = 1_000;
/** So often it is said again, even if nothing changed. */
const aliveMs = 3_000;
/** A control plane that was not heard for so long is not there. */
const silentMs = 10_000;

/** What the control planes tell each other of rollouts, through the store. */
export class EvidenceBoard {
  readonly #replica = randomUUID();
  readonly #catalog: Catalog;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  /** When evidence under a key came or changed, as seen from here: the clocks of others do not matter. */
  readonly #heardMs = new Map<string, number>();
  readonly #published = new Map<ResourceKey, { readonly text: string; readonly atMs: number }>();
  readonly #unsubscribe: () => void;

  constructor(catalog: Catalog, store: Store, clock: Clock, log: Log) {
    this.#catalog = catalog;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    for (const key of catalog.metaKeys()) this.#hear(key);
    this.#unsubscribe = catalog.subscribeMeta((key) => this.#hear(key));
  }

  /** Tells the others what is seen here; at most once a second, and only what is new. */
  async publish(key: ResourceKey, evidence: Evidence): Promise<void> {
    const text = JSON.stringify(evidence);
    const atMs = this.#clock.monotonicMs();
    const last = this.#published.get(key);
    if (last && atMs - last.atMs < (last.text === text ? aliveMs : leastPauseMs)) return;
    this.#published.set(key, { text, atMs });
    try {
      await this.#store.commit([{ type: 'put', key: evidenceKey(key, this.#replica), value: text }]);
    } catch (error) {
      this.#log.warn('what is seen of a rollout could not be stored', { resource: key, why: messageOf(error) });
    }
  }

  /** What was published of a rollout that is over is no longer compared with. */
  forget(key: ResourceKey): void {
    this.#published.delete(key);
  }

  witnesses(key: ResourceKey): Witness[] {
    const nowMs = this.#clock.monotonicMs();
    return [...this.#heardMs].flatMap(([metaKey, heardMs]) => {
      const entry = subjectOf(metaKey) === key ? this.#catalog.meta(metaKey) : undefined;
      const evidence = entry ? readEvidence(entry) : null;
      return evidence ? [{ evidence, isFresh: nowMs - heardMs < silentMs }] : [];
    });
  }

  /** Takes away what is about rollouts that are over. */
  async clear(isUnderWay: (key: ResourceKey) => boolean): Promise<void> {
    const over = [...this.#heardMs.keys()].filter((key) => !isUnderWay(subjectOf(key)!));
    for (const key of over.slice(0, this.#store.mostOperations)) {
      await this.#store.commit([{ type: 'delete', key }]);
      this.#heardMs.delete(key);
    }
  }

  /** Takes back what was told here, so that nobody waits to hear more of it. */
  async close(): Promise<void> {
    this.#unsubscribe();
    const told = [...this.#published.keys()].map((key) => evidenceKey(key, this.#replica));
    try {
      for (const key of told) await this.#store.commit([{ type: 'delete', key }]);
    } catch (error) {
      this.#log.info('what was seen of rollouts could not be taken back', { why: messageOf(error) });
    }
  }

  #hear(key: string): void {
    if (subjectOf(key) === null) return;
    if (this.#catalog.meta(key)) this.#heardMs.set(key, this.#clock.monotonicMs());
    else this.#heardMs.delete(key);
  }
}
