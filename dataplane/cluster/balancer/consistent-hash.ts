import type { Endpoint } from '../endpoint.ts';
import type { HashTable } from '../hashing/hash-table.ts';
import { type Balancer, noKey } from './balancer.ts';

/** Slots looked at behind that of a key before its hash alone decides. */
const mostSteps = 64;

/**
 * The same endpoint for the same key (ring hash, Maglev, by the table). The table is that of all endpoints and stays when
 * one is away for a while: its keys go to the owners of the slots behind, the others stay where they are, and all come
 * back with it.
 */
export class ConsistentHash<E extends Endpoint> implements Balancer<E> {
  readonly #table: HashTable;
  readonly #all: readonly E[];
  readonly #present: readonly E[];
  readonly #isPresent: Uint8Array;
  readonly #random: () => number;

  /** `all` is what the table was made from, `present` those of them that requests may go to. */
  constructor(table: HashTable, all: readonly E[], present: readonly E[], random: () => number) {
    const here = new Set(present);
    this.#table = table;
    this.#all = all;
    this.#present = present;
    this.#isPresent = Uint8Array.from(all, (endpoint) => Number(here.has(endpoint)));
    this.#random = random;
  }

  pick(keyHash: number): E | undefined {
    const present = this.#present;
    if (present.length < 2) return present[0];
    if (keyHash === noKey) return present[this.#random() % present.length];
    const { owners } = this.#table;
    let slot = this.#table.slotOf(keyHash);
    for (let i = 0; i < mostSteps; i++) {
      const owner = owners[slot]!;
      if (this.#isPresent[owner] === 1) return this.#all[owner];
      if (++slot === owners.length) slot = 0;
    }
    return present[keyHash % present.length];
  }
}
