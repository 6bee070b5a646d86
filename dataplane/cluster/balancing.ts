import type { Balancer } from './balancer/balancer.ts';
import { ByZone } from './balancer/by-zone.ts';
import type { BalancerMaker } from './balancer-maker.ts';
import type { Endpoint } from './endpoint.ts';
import { type SlowStart, warmingStepMs, warmth } from './slow-start.ts';
import { type ZoneNumbers, zoneShares } from './zone-shares.ts';

export type Zones = {
  /** The zone of this proxy. */
  readonly own: string;
  /** Proxies like this one, by zone. */
  readonly callers: ZoneNumbers;
  /** Services with fewer endpoints are balanced without regard to zones. */
  readonly minimumInstances: number;
};

/** How requests are spread over the endpoints that they may go to: weights, slow start, zones, and a balancer for each. */
export class Balancing<E extends Endpoint> {
  readonly #maker: BalancerMaker<E>;
  readonly #random: () => number;
  readonly #slowStart: SlowStart | null;
  readonly #zones: Zones | null;

  /** Zones and slow start are null where nobody asks for them. */
  constructor(
    maker: BalancerMaker<E>,
    random: () => number,
    { slowStart = null, zones = null }: { slowStart?: SlowStart | null; zones?: Zones | null } = {},
  ) {
    this.#maker = maker;
    this.#random = random;
    this.#slowStart = maker.followsKeys ? null : slowStart;
    this.#zones = maker.followsKeys ? null : zones;
  }

  explain(): string {
    return this.#maker.explain();
  }

  /** Builds the balancer for these endpoints; zones count only while it does `keepsZones`. */
  build(endpoints: readonly E[], keepsZones: boolean, nowMs: number): Balancer<E> {
    const weights = Float64Array.from(endpoints, (endpoint) => this.#weightOf(endpoint, nowMs));
    const shares = keepsZones && this.#zones !== null ? sharesOf(this.#zones, endpoints, weights) : null;
    return shares === null ? this.#maker.make(endpoints, weights) : this.#byZone(shares, endpoints, weights);
  }

  /** When weights have to be looked at again, because some endpoint is warming up. */
  reweighAtMs(endpoints: readonly E[], nowMs: number): number {
    const slowStart = this.#slowStart;
    const isWarming =
      slowStart !== null && endpoints.some(({ activeSinceMs }) => nowMs - activeSinceMs < slowStart.windowMs);
    return isWarming ? nowMs + warmingStepMs(slowStart) : Number.POSITIVE_INFINITY;
  }

  #weightOf({ weight, activeSinceMs }: E, nowMs: number): number {
    return this.#slowStart === null ? weight : weight * warmth(this.#slowStart, nowMs - activeSinceMs);
  }

  #byZone(shares: ZoneNumbers, endpoints: readonly E[], weights: Float64Array): Balancer<E> {
    const zones = [...shares].map(([zone, share]) => {
      const isThere = (_: unknown, place: number) => endpoints[place]!.zone === zone;
      return { share, balancer: this.#maker.make(endpoints.filter(isThere), weights.filter(isThere)) };
    });
    return new ByZone(zones, this.#random);
  }
}

function sharesOf({ own, callers, minimumInstances }: Zones, endpoints: readonly Endpoint[], weights: Float64Array) {
  if (endpoints.length < minimumInstances) return null;
  const capacity = new Map<string, number>();
  endpoints.forEach(({ zone }, place) => {
    capacity.set(zone, (capacity.get(zone) ?? 0) + weights[place]!);
  });
  return zoneShares(own, callers, capacity);
}
