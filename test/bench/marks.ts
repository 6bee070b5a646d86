import { ratioByRound, type Spread } from './figures.ts';
import type { Measured } from './h1-figures.ts';
import { formatRatio } from './table.ts';

/** One promise, and whether this run kept it; `isMet` is null when a peer it needs was not measured. */
export type Mark = { readonly promise: string; readonly isMet: boolean | null; readonly said: string };

type RatioMark = {
  readonly promise: string;
  readonly peer: string;
  readonly of: (measured: Measured) => number[];
} & ({ readonly atLeast: number } | { readonly atMost: number });

const efficiency = ({ blocks }: Measured) => blocks.map((block) => block.requestsPerCpuSecond ?? Number.NaN);
const tail = ({ blocks }: Measured) => blocks.map((block) => block.report.p99Us);

const ratioMarks: readonly RatioMark[] = [
  { promise: 'at least 0.85x HAProxy in requests per CPU-second', peer: 'haproxy', of: efficiency, atLeast: 0.85 },
  { promise: 'at least 2.5x Envoy in requests per CPU-second', peer: 'envoy', of: efficiency, atLeast: 2.5 },
  { promise: 'p99 at most 1.5x HAProxy’s', peer: 'haproxy', of: tail, atMost: 1.5 },
];

/** What one worker has promised on HTTP/1.1 keep-alive; judged on the median of the ratios of each round. */
export function judgeH1(all: readonly Measured[]): Mark[] {
  const ours = all.find(({ name }) => name === 'meshlane');
  if (!ours) return [];
  const errors = [...ours.blocks, ...ours.singles].reduce((sum, block) => sum + block.errors, 0);
  return [
    ...ratioMarks.map((mark) => judgeRatio(mark, ours, all)),
    { promise: 'no failed request', isMet: errors === 0, said: `${errors} failed` },
  ];
}

function judgeRatio(mark: RatioMark, ours: Measured, all: readonly Measured[]): Mark {
  const peer = all.find(({ name }) => name === mark.peer);
  if (!peer) return { promise: mark.promise, isMet: null, said: `${mark.peer} was not measured` };
  const ratio = ratioByRound(mark.of(ours), mark.of(peer));
  const isMet = 'atLeast' in mark ? ratio.median >= mark.atLeast : ratio.median <= mark.atMost;
  return { promise: mark.promise, isMet, said: sayRatio(ratio) };
}

export function sayRatio({ median, min, max }: Spread): string {
  return `${formatRatio(median)} (rounds ${formatRatio(min)} to ${formatRatio(max)})`;
}

export function formatMarks(marks: readonly Mark[]): string {
  const verdict = ({ isMet }: Mark) => (isMet === null ? 'not judged' : isMet ? 'pass' : 'falls short');
  return marks.map((mark) => `${verdict(mark).padEnd(12)}${mark.promise}: ${mark.said}`).join('\n');
}
