import type { ErrorCode } from '../../shared/errors/error-table.ts';
import { anyPort } from '../message/request-head.ts';
import { type Balancer, noKey } from './balancer/balancer.ts';
import type { Balancing } from './balancing.ts';
import { type Candidates, findCandidates } from './candidates.ts';
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
  /** What a later snapshot has in this one's place; set only while nobody has told of the endpoints. */
  successor: Cluster<E> | null = null;

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

  /** Its endpoints were told of, even if there are none. */
  get isKnown(): boolean {
    return this.#whenEmpty !== 'endpoints_unknown' || this.endpoints.length > 0;
  }

  /** This one, or what has taken its place since its endpoints were told of; null while nobody has. */
  get known(): Cluster<E> | null {
    let cluster: Cluster<E> | null = this;
    while (cluster !== null && !cluster.isKnown) cluster = cluster.successor;
    return cluster;
  }

  /** Who balances now, and why, for people. */
  explain(): string {
    return this.#balancing.explain();
  }

  /** Whom requests may go to now, for people. */
  candidates(nowMs: number): Candidates<E> {
    return findCandidates(this.endpoints, this.#panicThresholdPercent, nowMs);
  }

  /**
   * The endpoint for one try, or the reason why there is none. `keyHash` is that of what the policy hashes on, or `noKey`;
   * `tried` are the endpoints of the tries before: another is taken if there is any.
   */
  pick(keyHash: number, tried: readonly E[], nowMs: number): E | ErrorCode {
    if (this.#changes.count !== this.#seenChanges || nowMs >= this.#refreshAtMs) this.#refresh(nowMs);
    const choice = this.#balancer.pick(keyHash, nowMs);
    if (choice === undefined) return this.#whenNone;
    if (this.#load.isFull) return this.#load.refuse('requests');
    if (this.#isPanicking) this.#onPanic();
    const isTried = tried.length > 0 && tried.includes(choice);
    return isTried || choice.isFull(nowMs) ? this.#pickOther(choice, tried, nowMs) : choice;
  }

  /** The endpoint for one try at a tunnel: one in turn of those that have the port, or as for a request where any will do. */
  pickForTunnel(port: number, tried: readonly E[], nowMs: number): E | ErrorCode {
    if (port === anyPort || this.endpoints.length === 0) return this.pick(noKey, tried, nowMs);
    const served = this.endpoints.filter((endpoint) => endpoint.port === port);
    if (served.length === 0) return 'port_not_served';
    if (this.#load.isFull) return this.#load.refuse('requests');
    const { endpoints, isCutOff } = findCandidates(served, this.#panicThresholdPercent, nowMs);
    if (endpoints.length === 0) return isCutOff ? 'breaker_open' : 'no_endpoint';
    const others = endpoints.filter((endpoint) => !tried.includes(endpoint));
    return others.length === 0 ? endpoints[0]! : others[this.#nextTunnel++ % others.length]!;
  }

  #refresh(nowMs: number): void {
    const found = this.candidates(nowMs);
    this.#seenChanges = this.#changes.count;
    this.#candidates = found.endpoints;
    this.#isPanicking = found.isPanicking;
    this.#whenNone = this.endpoints.length === 0 ? this.#whenEmpty : found.isCutOff ? 'breaker_open' : 'no_endpoint';
    this.#balancer = this.#balancing.build(found.endpoints, !found.isPanicking, nowMs);
    this.#refreshAtMs = Math.min(found.recheckAtMs, this.#balancing.reweighAtMs(found.endpoints, nowMs));
  }

  /** Tells whether a try could go to an endpoint that is not among these and that nothing speaks against. */
  hasOther(tried: readonly E[], nowMs: number): boolean {
    return this.#candidates.some(
      (candidate) =>
        candidate.backoffUntilMs <= nowMs &&
        candidate.isHealthy &&
        !tried.includes(candidate) &&
        !candidate.isFull(nowMs),
    );
  }

  /** The request goes elsewhere, whatever its key; where all were tried, to another one than the last if there is any. */
  #pickOther(choice: E, tried: readonly E[], nowMs: number): E | ErrorCode {
    for (let i = 0; i < mostPicks; i++) {
      const other = this.#balancer.pick(noKey, nowMs)!;
      if (!tried.includes(other) && !other.isFull(nowMs)) return other;
    }
    return (
      this.#nextWithRoom(choice, tried, nowMs) ??
      this.#nextWithRoom(choice, tried.slice(-1), nowMs) ??
      this.#nextWithRoom(choice, [], nowMs) ??
      this.#load.refuse('concurrency')
    );
  }

  /** The first in line, from `choice` on, that is none of the others and has room. */
  #nextWithRoom(choice: E, others: readonly E[], nowMs: number): E | null {
    const candidates = this.#candidates;
    const start = candidates.indexOf(choice);
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[(start + i) % candidates.length]!;
      if (!others.includes(candidate) && !candidate.isFull(nowMs)) return candidate;
    }
    return null;
  }
}
