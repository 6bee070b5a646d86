import type { HashOwner, HashTable } from './hash-table.ts';
import { hashText } from './murmur3.ts';

/** Room for the place of an owner below its hash, in a number that has to stay exact: 31 + 21 bits. */
const placeRoom = 2 ** 21;
/** 8 bytes each; sorting so many takes a tenth of a second. */
const mostPoints = 1_048_576;

/**
 * Consistent hashing (Karger 1997) as Ketama does it: every endpoint has points on a circle of hashes, in proportion to
 * its weight, and a key belongs to the first point at or behind its own hash. How many points an endpoint has does not
 * depend on how many others there are: when one leaves, its keys go to the points behind, and no others move. (In a ring
 * of a set size the others would get more points, and as many keys again would move to those.)
 */
export class HashRing implements HashTable {
  readonly owners: Uint32Array;
  readonly #hashes: Int32Array;

  /** A ring of one endpoint has `minimumSize` points, those of the lightest one. */
  constructor(endpoints: readonly HashOwner[], minimumSize: number) {
    const points = pointsOf(endpoints, minimumSize);
    this.#hashes = Int32Array.from(points, (point) => Math.floor(point / placeRoom));
    this.owners = Uint32Array.from(points, (point) => point % placeRoom);
  }

  slotOf(hash: number): number {
    const hashes = this.#hashes;
    let low = 0;
    let high = hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (hashes[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    return low === hashes.length ? 0 : low;
  }
}

/** Hash and owner of each point in one number, so that a list of numbers is all that has to be sorted. */
function pointsOf(endpoints: readonly HashOwner[], minimumSize: number): Float64Array {
  const perWeight = pointsPerWeight(endpoints, minimumSize);
  const points: number[] = [];
  endpoints.forEach(({ name, weight }, place) => {
    const count = Math.max(1, Math.round(weight * perWeight));
    for (let i = 0; i < count; i++) points.push(hashText(`${name}_${i}`) * placeRoom + place);
  });
  return Float64Array.from(points).sort();
}

/** Changes by powers of two only, so that it stays the same when endpoints or weights change a little. */
function pointsPerWeight(endpoints: readonly HashOwner[], minimumSize: number): number {
  const lightest = Math.min(...endpoints.map(({ weight }) => weight));
  const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
  let perWeight = minimumSize / 2 ** Math.floor(Math.log2(lightest));
  while (total * perWeight > mostPoints) perWeight /= 2;
  return perWeight;
}
