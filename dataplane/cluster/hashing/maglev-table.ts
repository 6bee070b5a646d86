import { EdfSchedule } from '../edf-schedule.ts';
import { type HashOwner, type HashTable, placesByName } from './hash-table.ts';
import { hashText } from './murmur3.ts';

const free = 0xffff_ffff;

/**
 * Maglev hashing (Eisenbud 2016, §3.4): every endpoint goes through the slots in an order of its own, and in turn each
 * takes the next slot that is still free. Shares are more even than on a ring, and a key is found in one step; the price is
 * that a few keys of others move, too, when an endpoint leaves.
 */
export class MaglevTable implements HashTable {
  readonly owners: Uint32Array;

  /** `size` is a prime, so that every step leads through all slots, and a hundred times the number of endpoints or more. */
  constructor(endpoints: readonly HashOwner[], size: number) {
    this.owners = new Uint32Array(size).fill(free);
    this.#fill(endpoints);
  }

  slotOf(hash: number): number {
    return hash % this.owners.length;
  }

  /** Turns are spread by weight; those that fall together come in the order of the names. */
  #fill(endpoints: readonly HashOwner[]): void {
    const size = this.owners.length;
    const walks = placesByName(endpoints).map((place) => walkOf(endpoints[place]!, place, size));
    const turns = new EdfSchedule(Float64Array.from(walks, ({ weight }, order) => 1 / weight + order * 1e-9));
    for (let taken = 0; taken < size; taken++) {
      const walk = walks[turns.next!]!;
      turns.takeTurn(1 / walk.weight);
      this.#take(walk);
    }
  }

  #take(walk: Walk): void {
    const { owners } = this;
    while (owners[walk.slot] !== free) walk.slot = (walk.slot + walk.step) % owners.length;
    owners[walk.slot] = walk.place;
  }
}

/** An endpoint's way through the slots. */
type Walk = { readonly place: number; readonly weight: number; readonly step: number; slot: number };

function walkOf({ name, weight }: HashOwner, place: number, size: number): Walk {
  return { place, weight, step: (hashText(name, 1) % (size - 1)) + 1, slot: hashText(name) % size };
}
