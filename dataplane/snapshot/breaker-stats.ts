import type { SlotTable } from '../../observability/metrics/slots.ts';
import { type BreakerCause, type BreakerObserver, type BreakerState, stateAfter } from '../cluster/breaker/breaker.ts';

/** Whose breaker it is, as metrics and the log name it. */
export type BreakerOwner = { readonly service: string; readonly instance: string } | { readonly rule: string };

/** Told of each change of a breaker. */
export type OnBreaker = (owner: BreakerOwner, cause: BreakerCause) => void;

const level: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Writes the states of one breaker into the metrics, and tells of its changes. */
export function breakerStats(metrics: SlotTable, owner: BreakerOwner, onBreaker: OnBreaker): BreakerObserver {
  const state = metrics.gauge('meshlane_breaker_state', '0 closed, 1 half-open, 2 open; summed over workers.', owner);
  const help = 'Changes of a breaker, by the state it went to and what made it.';
  metrics.values[state] = level.closed;
  return {
    onTransition: (cause) => {
      const to = stateAfter[cause];
      const slot = metrics.counter('meshlane_breaker_transitions_total', help, { ...owner, to, cause });
      metrics.values[state] = level[to];
      metrics.values[slot]! += 1;
      onBreaker(owner, cause);
    },
    onRetired: () => {
      metrics.values[state] = level.closed;
    },
  };
}
