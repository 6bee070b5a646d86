import type { HashOwner, HashTable } from './hash-table.ts';
import { hashBytes } from './murmur3.ts';

const hashBits = 31;
/** Room for the place of an owner below its hash, in a number that has to stay exact: 31 + 21 bits. */
const placeRoom = 2 ** 21;
/** 12 bytes each; a ring of so many takes some 50 ms to make. */
const mostPoints = 262_144;

/**
 * Consistent hashing (Karger 1997) as Ketama does it: every endpoint has points on a circle of hashes, in proportion to
 * its weight, and a key belongs to the first point at or behind its own hash. How many points an endpoint has does not
 * depend on how many others there are: when one leaves, its keys go to the points behind, and no others move. (In a ring
 * of a set size the others would get more points, and as many keys again would move to those.)
 */
export class HashRing implements HashTable {
  readonly owners: Uint32Array;
  readonly #hashes: Int32Array;
  /** First point of each part of the circle. There are as many parts as points or more, so few points are looked at. */
  readonly #firsts: Int32Array;
  readonly #partBits: number;

  /** A ring of one endpoint has `minimumSize` points, those of the lightest one. */
  constructor(endpoints: readonly HashOwner[], minimumSize: number) {
    const points = pointsOf(endpoints, minimumSize);
    this.owners = new Uint32Array(points.length);
    this.#hashes = new Int32Array(points.length);
    points.forEach((point, i) => {
      this.owners[i] = point % placeRoom;
      this.#hashes[i] = Math.floor(point / placeRoom);
    });
    this.#partBits = Math.max(0, hashBits - Math.ceil(Math.log2(points.length)));
    this.#firsts = firstsOf(this.#hashes, this.#partBits);
  }

  slotOf(hash: number): number {
    const hashes = this.#hashes;
    let point = this.#firsts[hash >> this.#partBits]!;
    while (point < hashes.length && hashes[point]! < hash) point++;
    return point === hashes.length ? 0 : point;
  }
}

function firstsOf(hashes: Int32Array, partBits: number): Int32Array {
  const firsts = new Int32Array(2 ** (hashBits - partBits));
  let point = 0;
  for (let part = 0; part < firsts.length; part++) {
    while (point < hashes.length && hashes[point]! >> partBits < part) point++;
    firsts[part] = point;
  }
  return firsts;
}

/** Hash and owner of each point in one number, so that a list of numbers is all that has to be sorted. */
function pointsOf(endpoints: readonly HashOwner[], minimumSize: number): Float64Array {
  const perWeight = pointsPerWeight(endpoints, minimumSize);
  const counts = endpoints.map(({ weight }) => Math.max(1, Math.round(weight * perWeight)));
  const points = new Float64Array(counts.reduce((sum, count) => sum + count, 0));
  let at = 0;
  endpoints.forEach(({ name }, place) => {
    const bytes = Buffer.from(name);
    for (let i = 0; i < counts[place]!; i++) points[at++] = hashBytes(bytes, 0, bytes.length, i) * placeRoom + place;
  });
  return points.sort();
}

/** Changes by powers of two only, so that it stays the same when endpoints or weights change a little. */
function pointsPerWeight(endpoints: readonly HashOwner[], minimumSize: number): number {
  const lightest = Math.min(...endpoints.map(({ weight }) => weight));
  const total = endpoints.reduce((sum, { weight }) => sum + weight, 0);
  let perWeight = minimumSize / 2 ** Math.floor(Math.log2(lightest));
  while (total * perWeight > mostPoints) perWeight /= 2;
  return perWeight;
}
