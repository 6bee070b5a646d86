import type { SlotTable } from '../../observability/metrics/slots.ts';
import type { LoadLimit } from '../cluster/service-load.ts';

/** Returns who writes down each limit of the requests at once to an instance. */
export function concurrencyGauge(metrics: SlotTable, service: string, instance: string): (limit: number) => void {
  const help = 'Requests at once that adaptive concurrency lets through to an instance; summed over workers.';
  const slot = metrics.gauge('meshlane_concurrency_limit', help, { service, instance });
  return (limit) => {
    metrics.values[slot] = limit;
  };
}

/** Returns who counts the requests and retries of a service that met a bound. */
export function limitCounter(metrics: SlotTable, service: string): (limit: LoadLimit) => void {
  const help = 'Requests, or retries, that met a bound of what a service may have under way.';
  return (limit) => {
    metrics.values[metrics.counter('meshlane_limit_exceeded_total', help, { service, limit })]! += 1;
  };
}
