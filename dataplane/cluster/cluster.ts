import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { anyPort } from '../message/request-head.ts';
import { type Balancer, noKey } from './balancer/balancer.ts';
import type { Balancing } from './balancing.ts';
import { findCandidates } from './candidates.ts';
import type { Changes } from './changes.ts';
import type { Endpoint } from './endpoint.ts';
import { ServiceLoad } from './service-load.ts';

export type ClusterParts<E extends Endpoint> = {
  readonly service: string;
  readonly endpoints: readonly E[];
  /** Of the service: tells when endpoints have to be looked at again. */
  readonly changes: Changes;
  /** What the service has under way, and may have. */
  readonly load?: ServiceLoad;
  readonly balancing: Balancing<E>;
  readonly panicThresholdPercent: number;
  /** What requests are told when there are no endpoints. */
  readonly whenEmpty?: ErrorCode;
  /** Called for each request that goes out although too few endpoints are well. */
  readonly onPanic?: () => void;
};

/** Picks that may come to an endpoint to avoid, or one that is full, before another one is simply taken. */
const mostPicks = 3;

const nobody = { pick: () => undefined };

/** The endpoints that a backend may go to: those of a service, or of a subset of it. */
export class Cluster<E extends Endpoint> {
  readonly service: string;
  readonly endpoints: readonly E[];
  readonly #changes: Changes;
  readonly #load: ServiceLoad;
  readonly #balancing: Balancing<E>;
  readonly #panicThresholdPercent: number;
  readonly #whenEmpty: ErrorCode;
  readonly #onPanic: () => void;
  /** Whom requests may go to, and who chooses among them, while `#changes` stands where it stood and until `#refreshAtMs`. */
  #candidates: readonly E[] = [];
  #balancer: Balancer<E> = nobody;
  #isPanicking = false;
  #whenNone: ErrorCode = 'no_endpoint';
  #seenChanges = -1;
  #refreshAtMs = 0;
  #nextTunnel = 0;

  constructor(parts: ClusterParts<E>) {
    this.service = parts.service;
    this.endpoints = parts.endpoints;
    this.#changes = parts.changes;
    this.#load = parts.load ?? new ServiceLoad();
    this.#balancing = parts.balancing;
    this.#panicThresholdPercent = parts.panicThresholdPercent;
    this.#whenEmpty = parts.whenEmpty ?? 'no_endpoint';
    this.#onPanic = parts.onPanic ?? (() => undefined);
  }

  /** Who balances now, and why, for people. */
  explain(): string {
    return this.#balancing.explain();
  }

  /**
   * The endpoint for one try, or the reason why there is none. `keyHash` is that of what the policy hashes on, or `noKey`;
   * `avoid` is the endpoint that just failed: another is taken if there is any.
   */
  pick(keyHash: number, avoid: E | null, nowMs: number): E | ErrorCode {
    if (this.#changes.count !== this.#seenChanges || nowMs >= this.#refreshAtMs) this.#refresh(nowMs);
    const choice = this.#balancer.pick(keyHash, nowMs);
    if (choice === undefined) return this.#whenNone;
    if (this.#load.isFull) return this.#load.refuse('requests');
    if (this.#isPanicking) this.#onPanic();
    return choice === avoid || choice.isFull(nowMs) ? this.#pickOther(choice, avoid, nowMs) : choice;
  }

  /** The endpoint for one try at a tunnel: one in turn of those that have the port, or as for a request where any will do. */
  pickForTunnel(port: number, avoid: E | null, nowMs: number): E | ErrorCode {
    if (port === anyPort || this.endpoints.length === 0) return this.pick(noKey, avoid, nowMs);
    const served = this.endpoints.filter((endpoint) => endpoint.port === port);
    if (served.length === 0) return 'port_not_served';
    if (this.#load.isFull) return this.#load.refuse('requests');
    const { endpoints, isCutOff } = findCandidates(served, this.#panicThresholdPercent, nowMs);
    if (endpoints.length === 0) return isCutOff ? 'breaker_open' : 'no_endpoint';
    const others = endpoints.filter((endpoint) => endpoint !== avoid);
    return others.length === 0 ? endpoints[0]! : others[this.#nextTunnel++ % others.length]!;
  }

  #refresh(nowMs: number): void {
    const found = findCandidates(this.endpoints, this.#panicThresholdPercent, nowMs);
    this.#seenChanges = this.#changes.count;
    this.#candidates = found.endpoints;
    this.#isPanicking = found.isPanicking;
    this.#whenNone = this.endpoints.length === 0 ? this.#whenEmpty : found.isCutOff ? 'breaker_open' : 'no_endpoint';
    this.#balancer = this.#balancing.build(found.endpoints, !found.isPanicking, nowMs);
    this.#refreshAtMs = Math.min(found.recheckAtMs, this.#balancing.reweighAtMs(found.endpoints, nowMs));
  }

  /** The request goes elsewhere, whatever its key. */
  #pickOther(choice: E, avoid: E | null, nowMs: number): E | ErrorCode {
    for (let i = 0; i < mostPicks; i++) {
      const other = this.#balancer.pick(noKey, nowMs)!;
      if (other !== avoid && !other.isFull(nowMs)) return other;
    }
    return this.#nextWithRoom(choice, avoid, nowMs);
  }

  /** The next one in line; the one to avoid only when there is no other. */
  #nextWithRoom(choice: E, avoid: E | null, nowMs: number): E | ErrorCode {
    const candidates = this.#candidates;
    const start = candidates.indexOf(choice);
    for (let i = 1; i <= candidates.length; i++) {
      const other = candidates[(start + i) % candidates.length]!;
      if (other !== avoid && !other.isFull(nowMs)) return other;
    }
    return avoid !== null && candidates.includes(avoid) && !avoid.isFull(nowMs)
      ? avoid
      : this.#load.refuse('concurrency');
  }
}
