import { comparisonCommand } from './comparison-command.ts';
import { type RatioMark, requestsPerCpuSecond } from './marks.ts';
import { tlsSuite } from './tls-files.ts';
import { http1Traffic } from './traffic.ts';

const tlsMarks: readonly RatioMark[] = [
  {
    promise: 'at least 0.85x HAProxy in requests per CPU-second over TLS',
    peer: 'haproxy',
    of: requestsPerCpuSecond,
    atLeast: 0.85,
  },
];

export const command = comparisonCommand({
  ...http1Traffic,
  name: 'tls',
  summary: 'HTTP/1.1 over TLS 1.3 to one worker, plain to the origin, beside HAProxy, nginx and Envoy in the same run.',
  title: 'HTTP/1.1 keep-alive over TLS 1.3',
  connections: 64,
  sizeBytes: 1024,
  hasSingles: true,
  isTls: true,
  marks: tlsMarks,
  details: [
    `An ECDSA P-256 certificate is made for the run. The client offers ${tlsSuite} and X25519 only, so every proxy`,
    'does the same cryptography. Connections are kept: handshakes are not what is measured.',
  ].join('\n'),
});
