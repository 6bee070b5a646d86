import type { Endpoint } from '../endpoint.ts';

/** Chooses among the endpoints of a cluster. A new one is built whenever they change, so `pick` has nothing to check. */
export type Balancer<E extends Endpoint> = {
  /** Undefined only when there are no endpoints. Takes no account of health: the cluster does. */
  pick(): E | undefined;
};
