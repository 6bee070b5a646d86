/**
 * Draws places in proportion to their weights, each draw at the cost of one random number (Walker 1977, with Vose's way
 * to build the table): the line of all weights is cut into columns of equal width, and no column holds more than two places.
 *
 *   weights 1, 2, 3:   | 0     1 | 1     2 | 2       |
 */
export class WeightedDraw {
  /** Part of each column that belongs to the place of the column; the rest is its alias's. */
  readonly #own: Float64Array;
  readonly #alias: Int32Array;
  readonly #random: () => number;
  readonly #scale: number;

  /** `random` gives unsigned 32-bit integers. */
  constructor(weights: Float64Array, random: () => number) {
    const count = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    this.#own = weights.map((weight) => (weight * count) / total);
    this.#alias = Int32Array.from(weights.keys());
    this.#random = random;
    this.#scale = count / 4_294_967_296;
    this.#fill();
  }

  /** Each column that is not full is filled up by a place that has more than its own column takes. */
  #fill(): void {
    const own = this.#own;
    const short: number[] = [];
    const long: number[] = [];
    own.forEach((part, place) => void (part < 1 ? short : long).push(place));
    while (short.length > 0 && long.length > 0) {
      const filled = short.pop()!;
      const giver = long.at(-1)!;
      this.#alias[filled] = giver;
      own[giver]! -= 1 - own[filled]!;
      if (own[giver]! < 1) short.push(long.pop()!);
    }
    for (const place of [...short, ...long]) own[place] = 1; // what is left is due to rounding
  }

  /** A place; there must be one. */
  draw(): number {
    const at = this.#random() * this.#scale;
    const column = Math.floor(at);
    return at - column < this.#own[column]! ? column : this.#alias[column]!;
  }
}
