/** Times of single operations, in milliseconds, and what is told of them. */
export type Times = { readonly count: number; readonly p50: number; readonly p99: number };

/** Nearest-rank quantiles. Throws a RangeError when there are none. */
export function timesOf(milliseconds: readonly number[]): Times {
  if (milliseconds.length === 0) throw new RangeError('nothing was timed');
  const sorted = milliseconds.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1]!;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99) };
}

/** Times an operation again and again, a pause after each, so that none waits for the one before. */
export async function timeEach(
  times: number,
  pauseMs: number,
  operation: (i: number) => Promise<unknown>,
): Promise<number[]> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const from = performance.now();
    await operation(i);
    taken.push(performance.now() - from);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return taken;
}
