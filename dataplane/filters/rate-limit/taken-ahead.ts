import type { BucketTable } from './bucket-table.ts';
import type { Gcra } from './gcra.ts';

/**
 * A worker's share of the bucket of a large limit: it takes places for several requests with one compare-exchange, which
 * costs as much as all the rest that a limit does. What is left when their time is over is given back with the next that it
 * takes. So a limit lets pass what it would anyway, but for a thousandth of its burst for each worker, and one whose burst is
 * below 2,000 is exact.
 */

const burstPerPlace = 1000;
const mostTaken = 64;
const keptUs = 1000;

export class TakenAhead {
  readonly #table: BucketTable;
  readonly #place: number;
  readonly #tag: number;
  readonly #gcra: Gcra;
  readonly #batch: number;
  #left = 0;
  #takenUs = 0;

  constructor(table: BucketTable, place: number, tag: number, gcra: Gcra, burst: number) {
    this.#table = table;
    this.#place = place;
    this.#tag = tag;
    this.#gcra = gcra;
    this.#batch = Math.min(mostTaken, Math.max(1, Math.floor(burst / burstPerPlace)));
  }

  /** As `BucketTable.take`. */
  take(nowUs: number): number {
    if (this.#left > 0 && nowUs - this.#takenUs < keptUs && nowUs >= this.#takenUs) {
      this.#left--;
      return 0;
    }
    return this.#takeMore(nowUs);
  }

  #takeMore(nowUs: number): number {
    const batch = this.#batch;
    if (batch > 1 && this.#table.take(this.#place, this.#tag, this.#gcra, nowUs, batch, this.#left) === 0) {
      this.#left = batch - 1;
      this.#takenUs = nowUs;
      return 0;
    }
    return this.#table.take(this.#place, this.#tag, this.#gcra, nowUs);
  }
}
