import type { Gcra } from './gcra.ts';

/**
 * Buckets in memory that all workers of a proxy share. A bucket is one word of 64 bits, so that one compare-exchange
 * changes all of it, and no worker ever waits for another:
 *
 *   63      44 43                     0
 *   |   tag   |  arrival time in us   |    tag 0: never used
 *
 * A key has a place and a tag. It is looked for in the few slots from its place on; if it is in none of them, it takes the
 * first whose arrival time has come. Such a bucket is full, as one that is not there would be, so nothing is lost. One that
 * is in use is never taken, however many keys come. Workers read their clock once per event, so to one of them a slot may
 * still be in use that another takes: a key that is new to both may then get two buckets, and so one request more.
 *
 * A word is read as two halves, since a BigInt would be allocated. Times wrap after 203 days. What is further ahead than any
 * limit allows is left from before that.
 */

const mostProbes = 8;
const half = 2 ** 32;
const tagBits = 20;
const timeBits = 44;
const highTimeBits = timeBits - 32;
const highTimeMask = 2 ** highTimeBits - 1;
export const timeWrapUs = 2 ** timeBits;
export const mostTag = 2 ** tagBits - 1;

/** A day, which is the most that a burst may take, and a minute for clocks that are read once per event. */
const mostAheadUs = (86_400 + 60) * 1_000_000;

/** In place of a time to wait: every slot that the key may have is in use by others. */
export const noRoom = -1;

export const bytesPerBucket = BigInt64Array.BYTES_PER_ELEMENT;

export class BucketTable {
  readonly #words: BigInt64Array;
  readonly #halves: Int32Array;
  readonly #mask: number;
  /** Here halves become the words that are compared and exchanged: the one expected and the one to put there. */
  readonly #exchange = new BigInt64Array(2);
  readonly #exchangeHalves = new Int32Array(this.#exchange.buffer);
  /** The word that was read last, and how far its arrival time is ahead. */
  #low = 0;
  #high = 0;
  #aheadUs = 0;

  /** `count` buckets from a byte of the memory on; a power of two. */
  constructor(memory: SharedArrayBuffer, from: number, count: number) {
    this.#words = new BigInt64Array(memory, from, count);
    this.#halves = new Int32Array(memory, from, count * 2);
    this.#mask = count - 1;
  }

  /**
   * Counts a request in the bucket of a key, of which all bits of `place` and a `tag` from 1 to `mostTag` are told, unless it
   * has to be refused. Returns the time until it would pass (us), 0 when it passes, or `noRoom`. `nowUs` is below `timeWrapUs`.
   * `requests` may be several at once, all or none of which pass, and `givenBack` places that were taken and not used.
   */
  take(place: number, tag: number, gcra: Gcra, nowUs: number, requests = 1, givenBack = 0): number {
    let stepUs = 0;
    for (;;) {
      const slot = this.#find(place, tag, nowUs);
      if (slot === -1) return noRoom;
      const waitUs = gcra.waitUs(this.#aheadUs, requests);
      if (waitUs > 0) return waitUs;
      if (stepUs === 0) stepUs = gcra.stepUs(requests - givenBack);
      if (this.#replace(slot, tag, nowUs + this.#aheadUs + stepUs)) return 0;
    }
  }

  /** Reads the slot of the key, else the first that it may take; -1 when there is neither. */
  #find(place: number, tag: number, nowUs: number): number {
    let free = -1;
    let freeLow = 0;
    let freeHigh = 0;
    for (let i = 0; i < mostProbes; i++) {
      const slot = (place + i) & this.#mask;
      const owner = this.#read(slot, nowUs);
      if (owner === tag) return slot;
      if (free !== -1 || this.#aheadUs > 0) continue;
      free = slot;
      freeLow = this.#low;
      freeHigh = this.#high;
    }
    this.#low = freeLow;
    this.#high = freeHigh;
    this.#aheadUs = 0;
    return free;
  }

  /** Reads a slot whole, although another worker may just be writing it. Returns its tag. */
  #read(slot: number, nowUs: number): number {
    const halves = this.#halves;
    do {
      this.#high = Atomics.load(halves, slot * 2 + 1);
      this.#low = Atomics.load(halves, slot * 2);
    } while (Atomics.load(halves, slot * 2 + 1) !== this.#high);
    const owner = this.#high >>> highTimeBits;
    let aheadUs = (this.#high & highTimeMask) * half + (this.#low >>> 0) - nowUs;
    if (aheadUs < 0) aheadUs += timeWrapUs;
    this.#aheadUs = owner === 0 || aheadUs > mostAheadUs ? 0 : aheadUs;
    return owner;
  }

  /** False when another worker has changed the slot since it was read. */
  #replace(slot: number, tag: number, arrivalUs: number): boolean {
    const timeUs = arrivalUs < timeWrapUs ? arrivalUs : arrivalUs - timeWrapUs;
    const halves = this.#exchangeHalves;
    halves[0] = this.#low;
    halves[1] = this.#high;
    halves[2] = timeUs | 0; // the lower 32 bits (ECMA-262 ToInt32)
    halves[3] = (tag << highTimeBits) | (timeUs / half);
    const expected = this.#exchange[0]!;
    return Atomics.compareExchange(this.#words, slot, expected, this.#exchange[1]!) === expected;
  }
}
