import type { Measured } from './comparison-figures.ts';
import { ratioByRound, type Spread } from './figures.ts';
import { formatRatio } from './table.ts';

/** One promise, and whether this run kept it; `isMet` is null when a peer it needs was not measured. */
export type Mark = { readonly promise: string; readonly isMet: boolean | null; readonly said: string };

/** A promise that a figure of ours, divided by the peer's of the same round, is at least or at most so much. */
export type RatioMark = {
  readonly promise: string;
  readonly peer: string;
  readonly of: (measured: Measured) => number[];
} & ({ readonly atLeast: number } | { readonly atMost: number });

export const requestsPerCpuSecond = ({ blocks }: Measured) =>
  blocks.map((block) => block.requestsPerCpuSecond ?? Number.NaN);
export const bytesPerCpuSecond = ({ blocks }: Measured) => blocks.map((block) => block.bytesPerCpuSecond ?? Number.NaN);
export const p99 = ({ blocks }: Measured) => blocks.map((block) => block.report.p99Us ?? Number.NaN);
export const singleP50 = ({ singles }: Measured) => singles.map((block) => block.report.p50Us ?? Number.NaN);

/** Judged on the median of the ratios of each round; that no request failed is promised always. */
export function judge(ratioMarks: readonly RatioMark[], all: readonly Measured[]): Mark[] {
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
