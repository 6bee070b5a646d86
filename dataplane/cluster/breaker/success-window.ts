const buckets = 10;

/** Requests of the last `windowMs`, and how many of them failed, to a tenth of that time. */
export class SuccessWindow {
  readonly windowMs: number;
  readonly #totals = new Float64Array(buckets);
  readonly #failures = new Float64Array(buckets);
  /** Number of the newest bucket since the clock began; it stands at its remainder. */
  #newest = 0;
  #total = 0;
  #failed = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  add(isSuccess: boolean, nowMs: number): void {
    this.#advance(Math.floor((nowMs * buckets) / this.windowMs));
    const place = this.#newest % buckets;
    this.#totals[place]! += 1;
    this.#total++;
    if (isSuccess) return;
    this.#failures[place]! += 1;
    this.#failed++;
  }

  /** Requests, as of the last one that was added. */
  get total(): number {
    return this.#total;
  }

  /** Share of them that succeeded, 0 to 1. */
  get rate(): number {
    return 1 - this.#failed / this.#total;
  }

  clear(): void {
    this.#totals.fill(0);
    this.#failures.fill(0);
    this.#total = this.#failed = 0;
  }

  #advance(bucket: number): void {
    if (bucket - this.#newest >= buckets) {
      this.clear();
      this.#newest = bucket;
    }
    while (this.#newest < bucket) {
      const place = ++this.#newest % buckets;
      this.#total -= this.#totals[place]!;
      this.#failed -= this.#failures[place]!;
      this.#totals[place] = this.#failures[place] = 0;
    }
  }
}
