/** Hashes are kept in sets of four, the latest first: those of two fields that recur must not displace each other forever. */
const sets = 64;
const setShift = 2;
const none = new Int32Array(0);

/**
 * Hashes of the fields that were sent last without entering the table. Only what comes a second time is worth an entry: a trace
 * id or the path of an order would push out what does recur, and cost both sides the work of entering it.
 */
export class Sightings {
  #hashes = none;

  /** Notes a field and returns whether it was noted before. */
  note(hash: number): boolean {
    if (this.#hashes === none) this.#hashes = new Int32Array(sets << setShift);
    const hashes = this.#hashes;
    const first = (hash & (sets - 1)) << setShift;
    for (let i = first; i < first + (1 << setShift); i++) if (hashes[i] === hash) return true;
    hashes[first + 3] = hashes[first + 2]!;
    hashes[first + 2] = hashes[first + 1]!;
    hashes[first + 1] = hashes[first]!;
    hashes[first] = hash;
    return false;
  }
}
