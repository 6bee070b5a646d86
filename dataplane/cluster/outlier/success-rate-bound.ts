/**
 * The success rate below which an endpoint is an outlier among these, in percent: so many thousandths of the standard
 * deviation below the mean. With 1900, and rates that are spread normally, one in 35 is below it.
 */
export function successRateBound(rates: readonly number[], stdevFactor: number): number {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return mean - (stdevFactor / 1000) * Math.sqrt(variance);
}
