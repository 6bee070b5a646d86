import type { Labels } from '../../shared/resources/resource.ts';
import type { Breaker } from './breaker.ts';

/** One instance of a service as a worker sees it. Kept over configuration changes for as long as its address stays. */
export class Endpoint {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  labels: Labels;
  /** Requests under way. */
  inFlight = 0;
  /** Verdict of the active health check. */
  isHealthy = true;
  /** No new connection is tried before this moment (monotonic ms), because the last one failed. */
  backoffUntilMs = 0;
  breaker: Breaker | null = null;
  /** It speaks before its caller does; null while nobody has asked. */
  speaksFirst: boolean | null = null;

  constructor(name: string, address: string, port: number, labels: Labels) {
    this.name = name;
    this.address = address;
    this.port = port;
    this.labels = labels;
  }

  /** Healthy, reachable as far as we know, and let through by its breaker. */
  isAvailable(nowMs: number): boolean {
    return this.isHealthy && this.backoffUntilMs <= nowMs && (this.breaker === null || this.breaker.isPassable(nowMs));
  }
}
