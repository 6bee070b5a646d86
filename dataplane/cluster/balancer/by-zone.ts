import type { Endpoint } from '../endpoint.ts';
import type { Balancer } from './balancer.ts';

export type ZoneBalancer<E extends Endpoint> = { readonly share: number; readonly balancer: Balancer<E> };

/** Draws a zone by its share of the requests, and has the zone's own balancer choose. */
export class ByZone<E extends Endpoint> implements Balancer<E> {
  readonly #balancers: readonly Balancer<E>[];
  /** Where each zone's part ends on the line of all 32-bit numbers. */
  readonly #ends: Float64Array;
  readonly #random: () => number;

  /** Shares come to 1; there is at least one zone, and the first is drawn at the least cost. */
  constructor(zones: readonly ZoneBalancer<E>[], random: () => number) {
    this.#balancers = zones.map(({ balancer }) => balancer);
    this.#ends = Float64Array.from(zones, ({ share }) => share * 4_294_967_296);
    for (let i = 1; i < zones.length; i++) this.#ends[i]! += this.#ends[i - 1]!;
    this.#random = random;
  }

  pick(keyHash: number, nowMs: number): E | undefined {
    const last = this.#balancers.length - 1;
    const at = last === 0 ? 0 : this.#random();
    let zone = 0;
    while (zone < last && at >= this.#ends[zone]!) zone++;
    return this.#balancers[zone]!.pick(keyHash, nowMs);
  }
}
