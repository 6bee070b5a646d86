/**
 * A quantile of latencies as they are now, in constant memory: two histograms with buckets that grow by 6 % (Masson et al.
 * 2019, "DDSketch"), of which the older one is dropped after each window, so that what is known is between one and two
 * windows old.
 */
const leastMs = 0.05;
/** Buckets for each doubling. */
const perOctave = 12;
/** Up to 2 minutes. */
const buckets = 256;
const windowMs = 30_000;
/** Below this many latencies nothing is known. */
const fewest = 100;
/** Latencies after which the quantile is looked up again. */
const lookUpEvery = 50;

export class LatencyQuantile {
  quantile: number;
  #current = new Float64Array(buckets);
  #before = new Float64Array(buckets);
  #currentCount = 0;
  #beforeCount = 0;
  #sinceLookUp = 0;
  #turnAtMs = 0;
  /** The quantile in ms; Infinity while too little is known. */
  valueMs = Number.POSITIVE_INFINITY;

  /** `quantile` is a part, such as 0.95. */
  constructor(quantile: number) {
    this.quantile = quantile;
  }

  observe(latencyMs: number, nowMs: number): void {
    if (nowMs >= this.#turnAtMs) this.#turn(nowMs);
    const octaves = Math.log2(Math.max(latencyMs, leastMs) / leastMs);
    this.#current[Math.min(buckets - 1, Math.floor(octaves * perOctave))]! += 1;
    this.#currentCount++;
    if (++this.#sinceLookUp >= lookUpEvery) this.#lookUp();
  }

  #turn(nowMs: number): void {
    const isOld = nowMs >= this.#turnAtMs + windowMs;
    [this.#current, this.#before] = [this.#before, this.#current];
    this.#beforeCount = isOld ? 0 : this.#currentCount;
    if (isOld) this.#before.fill(0);
    this.#current.fill(0);
    this.#currentCount = 0;
    this.#turnAtMs = nowMs + windowMs;
    this.#lookUp();
  }

  #lookUp(): void {
    this.#sinceLookUp = 0;
    const count = this.#currentCount + this.#beforeCount;
    this.valueMs = count < fewest ? Number.POSITIVE_INFINITY : this.#upperEndOf(count * this.quantile);
  }

  #upperEndOf(rank: number): number {
    let seen = 0;
    let bucket = 0;
    while (bucket < buckets - 1) {
      seen += this.#current[bucket]! + this.#before[bucket]!;
      if (seen >= rank) break;
      bucket++;
    }
    return leastMs * 2 ** ((bucket + 1) / perOctave);
  }
}
