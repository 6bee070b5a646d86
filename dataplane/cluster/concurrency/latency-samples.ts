/** Of more samples than this the last ones are kept. */
const mostSamples = 256;

/** Latencies of one window, in ms. */
export class LatencySamples {
  readonly #kept = new Float64Array(mostSamples);
  #count = 0;

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  add(latencyMs: number): void {
    this.#kept[this.#count++ % mostSamples] = latencyMs;
  }

  clear(): void {
    this.#count = 0;
  }

  /** The latency that so many percent of the samples, of which there is one at least, do not exceed. */
  percentile(percent: number): number {
    const sorted = this.#kept.subarray(0, Math.min(this.#count, mostSamples)).sort();
    return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
  }
}
