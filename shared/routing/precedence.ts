import type { RouteEntry } from './candidate.ts';

/** Which of two matches comes first when both hold and their paths are equal: orders for `sort`, of Gateway API. */

type Entry = RouteEntry<unknown>;

/** One that names a method. */
export function byMethod({ match: a }: Entry, { match: b }: Entry): number {
  return Number(b.method !== undefined) - Number(a.method !== undefined);
}

/** One that names a method, then the one with most conditions, then the oldest. */
export function byConditions(a: Entry, b: Entry): number {
  return byMethod(a, b) || byFields(a, b) || byAge(a, b);
}

/** Most conditions on header fields and cookies, then on query parameters. */
export function byFields(a: Entry, b: Entry): number {
  return headerCount(b) - headerCount(a) || queryCount(b) - queryCount(a);
}

export function headerCount({ match }: Entry): number {
  return (match.headers?.length ?? 0) + (match.cookies?.length ?? 0);
}

export function queryCount({ match }: Entry): number {
  return match.queryParams?.length ?? 0;
}

/** Of two matches of gRPC: most characters in the service, then in the method. */
export function byNames({ match: a }: Entry, { match: b }: Entry): number {
  return lengthOf(b.grpc?.service) - lengthOf(a.grpc?.service) || lengthOf(b.grpc?.method) - lengthOf(a.grpc?.method);
}

/** Of two matches of gRPC: names before patterns. */
export function byPattern({ match: a }: Entry, { match: b }: Entry): number {
  return Number(a.grpc?.type === 'RegularExpression') - Number(b.grpc?.type === 'RegularExpression');
}

/** The last that decides: age, name and place of the route. */
export function byAge(a: Entry, b: Entry): number {
  return a.created - b.created || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.place - b.place);
}

function lengthOf(name: string | undefined): number {
  return name?.length ?? 0;
}
