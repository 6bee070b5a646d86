import { HashRing } from './hash-ring.ts';
import { type HashOwner, type HashTable, placesByName } from './hash-table.ts';
import { MaglevTable } from './maglev-table.ts';

export type HashTableKind = 'ring-hash' | 'maglev';

/** The tables of a service's clusters. Each takes milliseconds to make, so one is taken over while it would be the same. */
export class HashTables {
  readonly #own = new Map<string, HashTable>();
  readonly #before: ReadonlyMap<string, HashTable>;

  /** `before` has those of the configuration before; what is not asked for again is forgotten with the next one. */
  constructor(before: HashTables | null) {
    this.#before = before === null ? new Map() : before.#own;
  }

  /** `size` is the least number of points of a ring, or the slots of a Maglev table; there is at least one endpoint. */
  tableOf(kind: HashTableKind, size: number, endpoints: readonly HashOwner[]): HashTable {
    const key = `${kind} ${size} ${placesByName(endpoints).map((place) => `${place} ${described(endpoints[place]!)}`)}`;
    let table = this.#own.get(key) ?? this.#before.get(key);
    table ??= kind === 'maglev' ? new MaglevTable(endpoints, size) : new HashRing(endpoints, size);
    this.#own.set(key, table);
    return table;
  }
}

function described({ name, weight }: HashOwner): string {
  return `${name} ${weight}`;
}
