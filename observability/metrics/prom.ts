/** The one door to prom-client. */
export { Counter, Gauge, Histogram, Registry } from 'prom-client';
