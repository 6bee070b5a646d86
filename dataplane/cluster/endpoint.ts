import type { Labels } from '../../shared/resources/resource.ts';
import type { Breaker } from './breaker/breaker.ts';
import { Changes } from './changes.ts';
import type { ConcurrencyLimit } from './concurrency/concurrency-limit.ts';
import type { LatencyEstimate } from './latency-estimate.ts';
import type { OutlierMonitor } from './outlier/outlier-monitor.ts';
import { ServiceLoad } from './service-load.ts';

/** What an endpoint is beside its place. */
export type EndpointTraits = {
  readonly labels?: Labels;
  readonly weight?: number;
  /** Of its service. */
  readonly changes?: Changes;
  readonly load?: ServiceLoad;
  /** When it came (monotonic ms). */
  readonly nowMs?: number;
};

/** One instance of a service as a worker sees it. Kept over configuration changes for as long as its address stays. */
export class Endpoint {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  labels: Labels;
  /** Its part of the requests, in proportion to the others' weights. */
  weight: number;
  /** Told of whatever decides if requests may go here; shared by the endpoints of a service. */
  readonly changes: Changes;
  /** What is under way at all of them. */
  readonly load: ServiceLoad;
  /** Requests under way. */
  inFlight = 0;
  #isHealthy = true;
  #isEjected = false;
  #backoffUntilMs = 0;
  #activeSinceMs: number;
  breaker: Breaker | null = null;
  /** It speaks before its caller does; null while nobody has asked. */
  speaksFirst: boolean | null = null;
  /** Null where no policy asks for it, as for `latency` and `concurrency`. */
  outlier: OutlierMonitor | null = null;
  latency: LatencyEstimate | null = null;
  concurrency: ConcurrencyLimit | null = null;

  constructor(
    name: string,
    address: string,
    port: number,
    { labels = {}, weight = 1, changes = new Changes(), load = new ServiceLoad(), nowMs = 0 }: EndpointTraits,
  ) {
    this.name = name;
    this.address = address;
    this.port = port;
    this.labels = labels;
    this.weight = weight;
    this.changes = changes;
    this.load = load;
    this.#activeSinceMs = nowMs;
  }

  /** Verdict of the active health check. */
  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  /** Taken out by outlier detection for a time. */
  get isEjected(): boolean {
    return this.#isEjected;
  }

  /** No new connection is tried before this moment (monotonic ms), because the last one failed. */
  get backoffUntilMs(): number {
    return this.#backoffUntilMs;
  }

  /** Since when it takes requests (monotonic ms), from where slow start counts: it came, became healthy, or came back. */
  get activeSinceMs(): number {
    return this.#activeSinceMs;
  }

  /** Has as many requests under way as it can work on. */
  isFull(nowMs: number): boolean {
    return this.concurrency?.isFull(nowMs) ?? false;
  }

  get zone(): string {
    return this.labels['topology.kubernetes.io/zone'] ?? '';
  }

  setHealthy(isHealthy: boolean, nowMs: number): void {
    if (isHealthy === this.#isHealthy) return;
    this.#isHealthy = isHealthy;
    if (isHealthy) this.#activeSinceMs = nowMs;
    this.changes.count++;
  }

  setEjected(isEjected: boolean, nowMs: number): void {
    if (isEjected === this.#isEjected) return;
    this.#isEjected = isEjected;
    if (!isEjected) this.#activeSinceMs = nowMs;
    this.changes.count++;
  }

  /** 0 ends the time in which it is avoided. */
  avoidUntil(untilMs: number): void {
    if (untilMs === this.#backoffUntilMs) return;
    this.#backoffUntilMs = untilMs;
    this.changes.count++;
  }
}
