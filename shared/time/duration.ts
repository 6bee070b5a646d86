/**
 * Durations as Gateway API writes them (GEP-2257): up to four numbers with a unit, such as `500ms`, `2s` or `1m30s`.
 */
export const durationPattern = '^([0-9]{1,5}(h|m|s|ms)){1,4}$';

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** Milliseconds of a duration that matches `durationPattern`; throws a RangeError on anything else. */
export function durationMs(text: string): number {
  if (!new RegExp(durationPattern).test(text)) throw new RangeError(`not a duration such as 500ms or 2s: ${text}`);
  let total = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g)) total += Number(count) * unitMs[unit!]!;
  return total;
}
