import type { StoreEntry } from '../store/store.ts';

/** An entry of the store that is no valid resource. */
export type EntryFault = {
  readonly key: string;
  /** For people. */
  readonly why: string;
  /** RFC 3339. */
  readonly since: string;
  /** Revision of the entry. */
  readonly revision: number;
};

const mostKept = 1_000;

/** The entries that cannot be read now, by key; beyond 1,000 the rest is only logged. */
export class EntryFaults {
  readonly #faults = new Map<string, EntryFault>();

  get size(): number {
    return this.#faults.size;
  }

  all(): EntryFault[] {
    return [...this.#faults.values()];
  }

  of(key: string): EntryFault | undefined {
    return this.#faults.get(key);
  }

  add({ key, revision }: StoreEntry, why: string, since: string): void {
    if (this.#faults.size < mostKept || this.#faults.has(key)) this.#faults.set(key, { key, why, since, revision });
  }

  end(key: string): void {
    this.#faults.delete(key);
  }
}
