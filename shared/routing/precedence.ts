import type { RouteEntry } from './candidate.ts';

/** Which of two matches comes first when both hold and their paths are equal: orders for `sort`, of Gateway API. */

type Entry = RouteEntry<unknown>;

/** One that names a method, then the one with most conditions, then the oldest. */
export function byConditions(a: Entry, b: Entry): number {
  const byMethod = Number(b.match.method !== undefined) - Number(a.match.method !== undefined);
  return byMethod || byFields(a, b) || byAge(a, b);
}

/** Most header fields, cookies among them; then most query parameters. */
export function byFields({ match: a }: Entry, { match: b }: Entry): number {
  return (
    countOf(b.headers, b.cookies) - countOf(a.headers, a.cookies) || countOf(b.queryParams) - countOf(a.queryParams)
  );
}

/** The last that decides: age, name and place of the route. */
export function byAge(a: Entry, b: Entry): number {
  return a.created - b.created || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.place - b.place);
}

function countOf(...lists: (readonly unknown[] | undefined)[]): number {
  return lists.reduce((sum, list = []) => sum + list.length, 0);
}
