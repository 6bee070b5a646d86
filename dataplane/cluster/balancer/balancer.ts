import type { Endpoint } from '../endpoint.ts';

/** The hash of a request without a key: it may go anywhere. */
export const noKey = -1;

/**
 * Chooses among the endpoints that requests may go to. A new one is built whenever they change, or their weights, so `pick`
 * has nothing to check.
 */
export type Balancer<E extends Endpoint> = {
  /** Undefined only when there are no endpoints. `keyHash` is a number of 31 bits, or `noKey`. */
  pick(keyHash: number, nowMs: number): E | undefined;
};
