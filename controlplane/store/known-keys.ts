import { setTimeout as wait } from 'node:timers/promises';
import type { Listing, Store, StoreChange, StoreKey } from './store.ts';

/** What a reader of the store was told of: each key with its revision, to be compared with what is there. */
export class KnownKeys {
  readonly #revisions = new Map<string, number>();
  /** Changed since the comparison under way began. */
  #touched = new Set<string>();

  replace({ entries }: Listing): void {
    this.#revisions.clear();
    for (const { key, revision } of entries) this.#revisions.set(key, revision);
  }

  apply({ revision, events }: StoreChange): void {
    for (const event of events) {
      const key = event.type === 'put' ? event.entry.key : event.key;
      if (event.type === 'put') this.#revisions.set(key, revision);
      else this.#revisions.delete(key);
      this.#touched.add(key);
    }
  }

  /**
   * Keys that are not here as they are in the store. A change that the reader is told of meanwhile, or within the time
   * given, is no difference. One comparison at a time.
   */
  async differences(store: Store, settleMs: number): Promise<string[]> {
    const touched = new Set<string>();
    this.#touched = touched;
    const { entries } = await store.keys('');
    const suspects = this.#unlike(entries).filter((key) => !touched.has(key));
    if (suspects.length > 0) await wait(settleMs, undefined, { ref: false });
    return suspects.filter((key) => !touched.has(key));
  }

  #unlike(entries: readonly StoreKey[]): string[] {
    const there = new Map(entries.map(({ key, revision }) => [key, revision]));
    const unlike = [...this.#revisions.keys()].filter((key) => !there.has(key));
    for (const [key, revision] of there) if (this.#revisions.get(key) !== revision) unlike.push(key);
    return unlike;
  }
}
