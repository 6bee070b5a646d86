/**
 * How many connections a listener has, over all workers: the kernel spreads connections over them as it likes, so a bound
 * for each would refuse some while others have room. Taken and given back once per connection.
 */
export class ConnectionCount {
  readonly #counts: Int32Array;
  readonly #place: number;
  readonly #most: number;

  /** `memory` is shared by all workers and has a place for each listener. */
  constructor(memory: SharedArrayBuffer, place: number, most: number) {
    this.#counts = new Int32Array(memory);
    this.#place = place;
    this.#most = most;
  }

  /** False when there are as many as allowed. */
  tryTake(): boolean {
    for (;;) {
      const count = Atomics.load(this.#counts, this.#place);
      if (count >= this.#most) return false;
      if (Atomics.compareExchange(this.#counts, this.#place, count, count + 1) === count) return true;
    }
  }

  giveBack(): void {
    Atomics.sub(this.#counts, this.#place, 1);
  }
}

export function newConnectionCounts(listeners: number): SharedArrayBuffer {
  return new SharedArrayBuffer(listeners * Int32Array.BYTES_PER_ELEMENT);
}
