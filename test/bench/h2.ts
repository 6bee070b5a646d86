import { comparisonCommand } from './comparison-command.ts';
import { type RatioMark, requestsPerCpuSecond } from './marks.ts';
import { http2Traffic } from './traffic.ts';

const atLeast = (ratio: number, peer: string, peerTitle: string): RatioMark => ({
  promise: `at least ${ratio.toFixed(2)}x ${peerTitle} in requests per CPU-second`,
  peer,
  of: requestsPerCpuSecond,
  atLeast: ratio,
});

/** The same for calls of gRPC. */
export const http2Marks: readonly RatioMark[] = [
  atLeast(0.95, 'haproxy', 'HAProxy'),
  atLeast(0.8, 'nghttpx', 'nghttpx'),
  atLeast(3.8, 'envoy', 'Envoy'),
  atLeast(7, 'node', 'a proxy on node:http2'),
];

export const noQuantiles = [
  'h2load tells the mean of the latencies only: for quantiles it would have to log every request, which takes it a third',
  'more time, and the load would become the limit.',
].join('\n');

export const command = comparisonCommand({
  ...http2Traffic,
  name: 'h2',
  summary: 'One worker on HTTP/2, beside HAProxy, nghttpx, Envoy and plain Node in the same run.',
  title: 'HTTP/2 without TLS on both sides',
  connections: 16,
  sizeBytes: 1024,
  hasSingles: false,
  isTls: false,
  marks: http2Marks,
  details: [
    'h2load and the origin speak HTTP/2 by prior knowledge. Meshlane has the mesh of the bench h1, listens for both versions,',
    'and its services say http2. `node` is a proxy of some lines on node:http2: what Node does without any care for speed.',
    '',
    noQuantiles,
  ].join('\n'),
});
