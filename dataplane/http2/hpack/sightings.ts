/** What recurs comes again before so many others that do not. */
const places = 128;
const none = new Int32Array(0);

/**
 * Hashes of fields that were sent without entering the table. Only what comes a second time is worth an entry: a trace id or
 * the path of an order would push out what does recur, and cost both sides the work of entering it.
 */
export class Sightings {
  #hashes = none;

  /** Notes a field and returns whether it was noted before. */
  note(hash: number): boolean {
    if (this.#hashes === none) this.#hashes = new Int32Array(places);
    const place = hash & (places - 1);
    if (this.#hashes[place] === hash) return true;
    this.#hashes[place] = hash;
    return false;
  }
}
