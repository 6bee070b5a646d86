import { durationBuckets } from '../../observability/metrics/slots.ts';
import type { WireReport, WireServiceReport } from '../../shared/discovery/discovery.ts';
import { namePattern } from '../../shared/resources/field-schemas.ts';

const mostServices = 10_000;
const mostSeconds = 3_600;
const name = new RegExp(namePattern);

/** A report that could not be is of no use: what it says would be added to what others say. */
export function isSoundReport({ seconds, services }: WireReport): boolean {
  const isBounded = seconds > 0 && seconds <= mostSeconds && services.length <= mostServices;
  return isBounded && services.every(isSound);
}

function isSound({ service, requests, errors, latency }: WireServiceReport): boolean {
  return (
    (service === '' || name.test(service)) &&
    [requests, errors, ...latency].every(Number.isSafeInteger) &&
    errors <= requests &&
    latency.length <= durationBuckets.length + 1 &&
    latency.reduce((sum, count) => sum + count, 0) <= requests
  );
}
