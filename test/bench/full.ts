import type { Command } from '../../cli/command.ts';
import { comparisonCommand } from './comparison-command.ts';
import { type RatioMark, requestsPerCpuSecond } from './marks.ts';
import { http1Traffic, http2Traffic, type Traffic } from './traffic.ts';

/** Judged from the other side: what is left of the plain figure is its inverse. */
const marks: readonly RatioMark[] = [
  {
    promise: 'without them at most 1.03 times the requests per CPU-second',
    peer: 'meshlane-full',
    of: requestsPerCpuSecond,
    atMost: 1 / 0.97,
  },
];

/** Meshlane beside itself with everything configured that a request has to pass. */
function fullCommand(name: string, title: string, traffic: Traffic, connections: number): Command {
  return comparisonCommand({
    ...traffic,
    contenders: ['meshlane', 'meshlane-full'],
    name,
    summary: `What 200 routes, limits, breakers and outlier detection cost over ${title}.`,
    title: `${title} with all policies`,
    connections,
    sizeBytes: 1024,
    hasSingles: false,
    starts: 7,
    rounds: 12,
    seconds: 1,
    isTls: false,
    marks,
    details: [
      'meshlane is what the other benches measure. meshlane-full has a table of 200 routes for the host, a rate limit, outlier',
      'detection, a breaker that also goes by the success rate, and retries of every 5xx on top.',
    ].join('\n'),
  });
}

export const http1 = fullCommand('full-h1', 'HTTP/1.1', http1Traffic, 64);
export const http2 = fullCommand('full-h2', 'HTTP/2', http2Traffic, 16);
