/** The one door to prom-client. */
export { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
