import { comparisonCommand } from './comparison-command.ts';
import { p99, type RatioMark, requestsPerCpuSecond, singleP50 } from './marks.ts';
import { http1Traffic } from './traffic.ts';

export const h1Marks: readonly RatioMark[] = [
  {
    promise: 'at least 1.00x HAProxy in requests per CPU-second',
    peer: 'haproxy',
    of: requestsPerCpuSecond,
    atLeast: 1,
  },
  { promise: 'at least 3.00x Envoy in requests per CPU-second', peer: 'envoy', of: requestsPerCpuSecond, atLeast: 3 },
  { promise: 'p99 at most 1.30x HAProxy’s', peer: 'haproxy', of: p99, atMost: 1.3 },
  { promise: 'p50 of one connection at most 1.05x HAProxy’s', peer: 'haproxy', of: singleP50, atMost: 1.05 },
];

export const command = comparisonCommand({
  ...http1Traffic,
  name: 'h1',
  summary: 'One worker on HTTP/1.1 keep-alive, beside HAProxy, nginx and Envoy in the same run.',
  title: 'HTTP/1.1 keep-alive',
  connections: 64,
  sizeBytes: 1024,
  hasSingles: true,
  isTls: false,
  marks: h1Marks,
  details: [
    'Meshlane has 20 services, matching, balancing, timeouts, retries, a breaker, metrics and 1 % of traces on, as a',
    'sidecar in use has; the peers route everything to one origin and count and log nothing. Making and sending spans',
    'is counted; taking them is a collector’s work, so the sink has the lowest priority on the CPU of the load.',
  ].join('\n'),
});
