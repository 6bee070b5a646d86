/**
 * When each request of an open loop is due, in ms from its start: one in each slot of 1/rate, at a random place of it.
 * Even gaps would march in step with the timers of a proxy; the same seed gives every proxy the same load.
 */
export function intendedTimes(count: number, perSecond: number, seed: number): Float64Array {
  const slotMs = 1000 / perSecond;
  const times = new Float64Array(count);
  let state = seed >>> 0 || 1;
  for (let i = 0; i < count; i++) {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    times[i] = (i + state / 2 ** 32) * slotMs;
  }
  return times;
}

/** The smallest value that a share of the sorted values does not exceed (nearest rank); 0 when there are none. */
export function quantile(sorted: Float64Array, share: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}
