/**
 * Who is next by deadline (earliest deadline first, Liu and Layland 1973): who is due gets its turn and a later deadline.
 * Turns come out evenly spread in proportion to how soon each is due again. A binary heap: a turn costs O(log n), where
 * nginx's smooth weighted round robin, which orders turns in the same way, looks at all n.
 */
export class EdfSchedule {
  /** Places, the one due first at the front; children of i stand at 2i + 1 and 2i + 2. */
  readonly #heap: Int32Array;
  readonly #deadlines: Float64Array;

  /** `deadlines` has the first one of each place; it is kept. */
  constructor(deadlines: Float64Array) {
    this.#deadlines = deadlines;
    this.#heap = Int32Array.from(deadlines.keys());
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** The place that is due; undefined when there is none. */
  get next(): number | undefined {
    return this.#heap[0];
  }

  /** The place that is due has its turn, and is due again after so long. */
  takeTurn(after: number): void {
    this.#deadlines[this.#heap[0]!]! += after;
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const deadlines = this.#deadlines;
    const count = heap.length;
    const place = heap[from]!;
    const deadline = deadlines[place]!;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= count) break;
      if (child + 1 < count && deadlines[heap[child + 1]!]! < deadlines[heap[child]!]!) child++;
      if (deadlines[heap[child]!]! >= deadline) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = place;
  }
}

/**
 * First deadlines for turns in proportion to the weights: each begins somewhere within its first period, so that proxies
 * and workers do not all begin with the same one.
 */
export function firstDeadlines(weights: Float64Array, random: () => number): Float64Array {
  return weights.map((weight) => random() / 4_294_967_296 / weight);
}
