import { closeSync, openSync, readSync } from 'node:fs';
import { BucketTable, bytesPerBucket, timeWrapUs } from './bucket-table.ts';

/**
 * The buckets of all limits of a proxy, in memory that its workers share, so that a limit holds whichever worker a request
 * comes to. Nobody hands buckets out: a limit finds its own by a hash of what it is called and allows, so it has the same
 * one in every worker, and keeps it over a change of configuration that does not change the limit.
 *
 *   | seeds | buckets of limits | buckets of their keys |
 *
 * Keys are in a table of their own, so that their callers, who may send as many as they like, cannot fill that of limits.
 */

const seedBytes = 8;
const limitBuckets = 16_384;
const keyBuckets = 65_536;
const keysFrom = seedBytes + limitBuckets * bytesPerBucket;

/** Pages of it that no bucket has been in take no memory. The seeds are drawn so that nobody can tell where a key goes. */
export function newBucketMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(keysFrom + keyBuckets * bytesPerBucket);
  drawSeeds(new Uint8Array(memory, 0, seedBytes));
  return memory;
}

/** From the system, as node:crypto does, which would cost a sidecar 2 MB. */
function drawSeeds(seeds: Uint8Array): void {
  const drawn = new Uint8Array(seeds.length); // no file is read into shared memory
  const source = openSync('/dev/urandom', 'r');
  try {
    readSync(source, drawn);
  } finally {
    closeSync(source);
  }
  seeds.set(drawn);
}

/** One worker's view of them. */
export class Buckets {
  readonly limits: BucketTable;
  readonly keys: BucketTable;
  readonly placeSeed: number;
  readonly tagSeed: number;
  readonly #clockOffsetMs: number;

  /** `clockOffsetMs` is added to this worker's clock to get one that is the same for all of them. */
  constructor(memory: SharedArrayBuffer, clockOffsetMs: number) {
    const [placeSeed = 0, tagSeed = 0] = new Int32Array(memory, 0, 2);
    this.placeSeed = placeSeed;
    this.tagSeed = tagSeed;
    this.limits = new BucketTable(memory, seedBytes, limitBuckets);
    this.keys = new BucketTable(memory, keysFrom, keyBuckets);
    this.#clockOffsetMs = clockOffsetMs;
  }

  /** A time of this worker's clock as the tables have it. */
  timeUs(nowMs: number): number {
    const us = Math.floor((nowMs + this.#clockOffsetMs) * 1000);
    return us - Math.floor(us / timeWrapUs) * timeWrapUs;
  }
}
