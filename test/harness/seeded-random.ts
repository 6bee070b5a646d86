/** Unsigned 32-bit numbers that are spread evenly and the same in every run (mulberry32, Ettinger 2017). */
export function seededRandom(seed = 42): () => number {
  const state = Uint32Array.of(seed); // a plain number of 32 bits would be allocated anew each time
  return () => {
    state[0] = state[0]! + 0x6d2b79f5;
    let mixed = state[0];
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
