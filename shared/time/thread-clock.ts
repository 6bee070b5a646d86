const samples = 10;

/**
 * What has to be added to `performance.now()` of this thread for a clock (ms) that all threads of the machine agree on. Node
 * does not promise that theirs begin at the same time; `process.hrtime` is the kernel's, of which they cannot differ.
 */
export function threadClockOffsetMs(): number {
  let least = Number.POSITIVE_INFINITY;
  // A pause between the two readings makes it too large, never too small.
  for (let i = 0; i < samples; i++) {
    const ownMs = performance.now();
    least = Math.min(least, Number(process.hrtime.bigint()) / 1e6 - ownMs);
  }
  return least;
}
