/**
 * What a peer may cost us beside the work it brings: each frame that asks for something and brings nothing takes from it,
 * work and time give back. Whoever has used it up is cut off (RFC 9113 §10.5).
 */
export class Budget {
  readonly #most: number;
  readonly #perSecond: number;
  #left: number;
  #countedMs = 0;

  /** `most` is what may be spent at once; `perSecond` comes back by time alone. */
  constructor(most: number, perSecond: number) {
    this.#most = most;
    this.#left = most;
    this.#perSecond = perSecond;
  }

  /** False when that was more than is left. */
  spend(cost: number, nowMs: number): boolean {
    if (this.#left < this.#most && nowMs > this.#countedMs) {
      this.earn(((nowMs - this.#countedMs) * this.#perSecond) / 1000);
    }
    this.#countedMs = nowMs;
    this.#left -= cost;
    return this.#left >= 0;
  }

  earn(amount: number): void {
    this.#left = Math.min(this.#most, this.#left + amount);
  }
}
