import type { Endpoint } from './endpoint.ts';

/** Whom requests may go to, until something changes or `recheckAtMs`. */
export type Candidates<E extends Endpoint> = {
  readonly endpoints: readonly E[];
  /** So few are well that it is ignored who is. */
  readonly isPanicking: boolean;
  /** Breakers are all that keeps requests from the others. */
  readonly isCutOff: boolean;
  readonly recheckAtMs: number;
};

/**
 * Those that are healthy, not ejected, and let through by their breakers; of these the ones that can be reached as far as
 * we know, or all when none can. Below the panic threshold health and ejections count for nothing: few instances
 * would only break down under everybody's load. An open breaker is respected always.
 */
export function findCandidates<E extends Endpoint>(
  all: readonly E[],
  panicThresholdPercent: number,
  nowMs: number,
): Candidates<E> {
  const passable = all.filter(({ breaker }) => breaker === null || breaker.isPassable(nowMs));
  const well = passable.filter(isWell);
  const isPanicking = well.length * 100 < all.length * panicThresholdPercent && well.length < passable.length;
  const usable = isPanicking ? passable : well;
  const reachable = usable.filter(({ backoffUntilMs }) => backoffUntilMs <= nowMs);
  return {
    endpoints: reachable.length > 0 ? reachable : usable,
    isPanicking,
    isCutOff: usable.length === 0 && (passable.length === 0 || all.some(isWell)),
    recheckAtMs: nextChangeMs(all, nowMs),
  };
}

/** Tells whether an endpoint may be asked by name: as a candidate of the first choice with room may be. */
export function mayServe(endpoint: Endpoint, nowMs: number): boolean {
  const { breaker, backoffUntilMs, load } = endpoint;
  const hasRoom = !load.isFull && !endpoint.isFull(nowMs);
  return isWell(endpoint) && backoffUntilMs <= nowMs && hasRoom && (breaker === null || breaker.isPassable(nowMs));
}

function isWell({ isHealthy, isEjected }: Endpoint): boolean {
  return isHealthy && !isEjected;
}

function nextChangeMs(all: readonly Endpoint[], nowMs: number): number {
  let nextMs = Number.POSITIVE_INFINITY;
  for (const { backoffUntilMs, breaker } of all) {
    if (backoffUntilMs > nowMs) nextMs = Math.min(nextMs, backoffUntilMs);
    if (breaker !== null && breaker.passableAtMs > nowMs) nextMs = Math.min(nextMs, breaker.passableAtMs);
  }
  return nextMs;
}
