import type { SlotTable } from '../../observability/metrics/slots.ts';
import type { BreakerObserver, BreakerState } from '../cluster/breaker.ts';
import type { Changes } from '../cluster/changes.ts';

const level: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Writes the states of one endpoint's breaker into the metrics, and tells its clusters that they changed. */
export function breakerGauge(metrics: SlotTable, service: string, instance: string, changes: Changes): BreakerObserver {
  const labels = { service, instance };
  const state = metrics.gauge('meshlane_breaker_state', '0 closed, 1 half-open, 2 open; summed over workers.', labels);
  const metric = 'meshlane_breaker_transitions_total';
  metrics.values[state] = level.closed;
  return {
    onTransition: (to) => {
      changes.count++;
      metrics.values[state] = level[to];
      metrics.values[metrics.counter(metric, 'Changes of a breaker, by the state it went to.', { ...labels, to })]! +=
        1;
    },
    onRetired: () => {
      metrics.values[state] = level.closed;
    },
  };
}
