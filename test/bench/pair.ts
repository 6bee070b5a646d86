import { comparisonCommand } from './comparison-command.ts';
import { requestsPerCpuSecond } from './marks.ts';
import { pairTraffic } from './traffic.ts';

export const command = comparisonCommand({
  ...pairTraffic,
  name: 'pair',
  summary:
    'Two proxies of a kind that speak HTTP/2 to each other, HTTP/1.1 outside, beside pairs of peers in the same run.',
  title: 'HTTP/1.1 keep-alive through two proxies with HTTP/2 between them',
  connections: 64,
  sizeBytes: 1024,
  hasSingles: false,
  isTls: false,
  marks: [
    {
      promise: 'at least 1.00x a pair of HAProxy in requests per CPU-second of both',
      peer: 'haproxy',
      of: requestsPerCpuSecond,
      atLeast: 1,
    },
  ],
  details: [
    'What a request costs in a mesh: the proxy of the caller takes HTTP/1.1 and sends HTTP/2 to that of the callee, which sends',
    'HTTP/1.1 to its application. CPU time and memory are those of both proxies, which share a CPU.',
    'Both Meshlanes have the mesh of the bench h1; the services of the first one say http2.',
  ].join('\n'),
});
