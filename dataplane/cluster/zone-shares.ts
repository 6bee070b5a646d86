/** Weight or number by zone; endpoints and proxies without one stand under the empty name. */
export type ZoneNumbers = ReadonlyMap<string, number>;

/**
 * Where the requests of a proxy in zone `own` go, as shares of 1 by zone (Envoy's zone aware routing). As long as the
 * zone has its part of the endpoints, all of them stay in it. Where it has less than its part of the callers, it takes as
 * many as it can carry, and the rest spills over to zones that have more endpoints than callers, in proportion to what
 * each has too much: all proxies together then load every endpoint alike.
 *
 * Null when the zone has no endpoints, or there is no other: then zones decide nothing. Callers nobody knows of are
 * taken to be spread evenly over the zones.
 */
export function zoneShares(own: string, callers: ZoneNumbers, endpoints: ZoneNumbers): ZoneNumbers | null {
  if (endpoints.size < 2 || !endpoints.has(own)) return null;
  const capacity = partsOf(endpoints);
  const demand = callers.has(own) ? partsOf(callers) : partsOf(new Map([...endpoints.keys()].map((zone) => [zone, 1])));
  const kept = Math.min(1, capacity.get(own)! / demand.get(own)!);
  const spare = new Map<string, number>();
  for (const [zone, part] of capacity) if (zone !== own) spare.set(zone, Math.max(0, part - (demand.get(zone) ?? 0)));
  const others = sumOf(spare) > 0 ? spare : new Map([...capacity].filter(([zone]) => zone !== own));
  const shares = new Map([[own, kept]]);
  if (kept < 1) for (const [zone, part] of partsOf(others)) shares.set(zone, part * (1 - kept));
  return shares;
}

function partsOf(numbers: ZoneNumbers): Map<string, number> {
  const total = sumOf(numbers);
  return new Map([...numbers].map(([zone, number]) => [zone, number / total]));
}

function sumOf(numbers: ZoneNumbers): number {
  let sum = 0;
  for (const number of numbers.values()) sum += number;
  return sum;
}
