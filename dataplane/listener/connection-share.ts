/** On top of the count of a worker that takes no connections: more than there can be, so that it is never the least. */
const away = 2 ** 30;

/**
 * How the connections of one listener are shared between workers. The kernel spreads them by a hash, which is even only
 * over many: of 64 connections to two workers one gets 24 or fewer one time in 16. So a worker that has more than the
 * idlest by `slack` gives what it accepts to that one. Counts are in memory that all workers share, and
 * the receiver's is raised before the connection is on its way: a burst is spread as evenly as a trickle.
 */
export class ConnectionShare {
  readonly own: number;
  readonly #counts: Int32Array;
  readonly #first: number;
  readonly #workers: number;

  /** `memory` is shared by all workers and has a place for each listener and worker. */
  constructor(memory: SharedArrayBuffer, listener: number, workers: number, own: number) {
    this.own = own;
    this.#counts = new Int32Array(memory);
    this.#first = listener * workers;
    this.#workers = workers;
  }

  /** From now on others may give this worker connections. */
  join(): void {
    Atomics.sub(this.#counts, this.#first + this.own, away);
  }

  /** From now on nobody does; what is on its way still comes. */
  leave(): void {
    Atomics.add(this.#counts, this.#first + this.own, away);
  }

  /** Connections of a worker, with those on their way to it. */
  countOf(worker: number): number {
    return Atomics.load(this.#counts, this.#first + worker) % away;
  }

  /** The worker that is to have a connection which this one has accepted, and counts it there. */
  take(): number {
    const counts = this.#counts;
    const first = this.#first;
    for (;;) {
      const mine = Atomics.load(counts, first + this.own);
      let least = mine;
      let idlest = this.own;
      for (let worker = 0; worker < this.#workers; worker++) {
        const count = Atomics.load(counts, first + worker);
        if (count >= least) continue;
        least = count;
        idlest = worker;
      }
      if (mine <= least + slack(least)) {
        Atomics.add(counts, first + this.own, 1);
        return this.own;
      }
      // Another worker may have given it one meanwhile, or it has left: then it is not the one to choose any more.
      if (Atomics.compareExchange(counts, first + idlest, least, least + 1) === least) return idlest;
    }
  }

  /** A connection counted at `worker` did not get there and stays here. */
  takeBack(worker: number): void {
    Atomics.sub(this.#counts, this.#first + worker, 1);
    Atomics.add(this.#counts, this.#first + this.own, 1);
  }

  giveBack(): void {
    Atomics.sub(this.#counts, this.#first + this.own, 1);
  }
}

/** With few connections none, as one is already a large part; later a little, so that fewer are given away. */
function slack(least: number): number {
  return least >> 4;
}

/** Nobody has joined yet. */
export function newConnectionShares(listeners: number, workers: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(listeners * workers * Int32Array.BYTES_PER_ELEMENT);
  new Int32Array(memory).fill(away);
  return memory;
}
