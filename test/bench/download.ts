import { comparisonCommand } from './comparison-command.ts';
import { bytesPerCpuSecond, type RatioMark } from './marks.ts';
import { http1Traffic } from './traffic.ts';

const downloadMarks: readonly RatioMark[] = [
  {
    promise: 'at least 0.80x HAProxy in bytes per CPU-second',
    peer: 'haproxy',
    of: bytesPerCpuSecond,
    atLeast: 0.8,
  },
];

export const command = comparisonCommand({
  ...http1Traffic,
  name: 'download',
  summary: 'Large replies through one worker, beside HAProxy, nginx and Envoy in the same run.',
  title: 'HTTP/1.1 downloads',
  connections: 16,
  sizeBytes: 1_048_576,
  hasSingles: false,
  isTls: false,
  marks: downloadMarks,
  details: 'MB/CPU-s is the figure to compare: bytes that reached the client per second of CPU time of the proxy.',
});
