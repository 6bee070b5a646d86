/** Statistics over rounds. Nothing here guesses: what cannot be computed from finite numbers throws. */

/** Middle value; the mean of the two middle ones when the count is even. Throws a RangeError on an empty or non-finite list. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values to take the median of');
  for (const value of values) if (!Number.isFinite(value)) throw new RangeError(`not a finite number: ${value}`);
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Median with the lowest and highest round, so that a reader sees how steady it was. */
export type Spread = {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly values: readonly number[];
};

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), values };
}

/**
 * One subject's figure divided by another's, round by round: what disturbed a round disturbed both, so the quotient is
 * steadier than the quotient of the medians. Throws when the rounds do not pair up or a divisor is not above 0.
 */
export function ratioByRound(numerators: readonly number[], divisors: readonly number[]): Spread {
  if (numerators.length !== divisors.length)
    throw new RangeError(`rounds do not pair up: ${numerators.length} and ${divisors.length}`);
  return spread(
    numerators.map((numerator, round) => {
      const divisor = divisors[round]!;
      if (!(divisor > 0)) throw new RangeError(`cannot divide by ${divisor} in round ${round + 1}`);
      return numerator / divisor;
    }),
  );
}
