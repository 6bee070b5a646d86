import type { Chart } from '../bar-chart.ts';
import { median, ratioByRound } from '../figures.ts';
import { type Mark, sayRatio } from '../marks.ts';
import { formatTable } from '../table.ts';
import type { Algorithm, ScenarioResult } from './scenario.ts';

/** One algorithm in all runs, each with another seed. */
export type BalanceMeasured = { readonly algorithm: Algorithm; readonly runs: readonly ScenarioResult[] };

const judgedByLatency = ['peak-ewma', 'adaptive'] as const;
const p99 = ({ runs }: BalanceMeasured) => runs.map(({ p99Ms }) => p99Ms);
const errors = ({ runs }: BalanceMeasured) => runs.map(({ errorShare }) => errorShare);

export function formatBalance(all: readonly BalanceMeasured[]): string {
  const percent = (share: number) => `${(share * 100).toFixed(2)}%`;
  const of = (runs: readonly ScenarioResult[], figure: (run: ScenarioResult) => number) => median(runs.map(figure));
  return formatTable(
    ['', 'p50 ms', 'p99 ms', 'errors', 'sent to: slow', 'failing', 'limiting'],
    all.map(({ algorithm, runs }) => [
      algorithm,
      of(runs, ({ p50Ms }) => p50Ms).toFixed(1),
      of(runs, ({ p99Ms }) => p99Ms).toFixed(1),
      percent(of(runs, ({ errorShare }) => errorShare)),
      percent(of(runs, ({ shares }) => shares.slow)),
      percent(of(runs, ({ shares }) => shares.failing)),
      percent(of(runs, ({ shares }) => shares.limiting)),
    ]),
  );
}

/** What is promised of the two that go by latency, against the two that people know. */
export function judgeBalance(all: readonly BalanceMeasured[], where: string): Mark[] {
  const find = (name: Algorithm) => all.find(({ algorithm }) => algorithm === name);
  const [roundRobin, leastRequest] = [find('round-robin'), find('least-request')];
  return judgedByLatency.flatMap((name) => {
    const ours = find(name);
    if (!ours) return [];
    return [
      judge(`${name}, ${where}: p99 at most a third of round robin’s`, roundRobin, ours, p99, 3),
      judge(`${name}, ${where}: errors at most a fifth of least request’s`, leastRequest, ours, errors, 5),
    ];
  });
}

function judge(
  promise: string,
  other: BalanceMeasured | undefined,
  ours: BalanceMeasured,
  figure: (measured: BalanceMeasured) => number[],
  atLeast: number,
): Mark {
  if (!other) return { promise, isMet: null, said: 'what it is held against was not run' };
  const ratio = ratioByRound(figure(other), figure(ours));
  return { promise, isMet: ratio.median >= atLeast, said: `${sayRatio(ratio)} less` };
}

export function balanceCharts(all: readonly BalanceMeasured[], where: string): Chart[] {
  const chart = (what: string, figure: (run: ScenarioResult) => number): Chart => ({
    title: `${what}, ${where}`,
    note: 'less is better',
    bars: all.map(({ algorithm, runs }) => ({ name: algorithm, value: median(runs.map(figure)) })),
  });
  return [
    chart('p50 ms', ({ p50Ms }) => p50Ms),
    chart('p99 ms', ({ p99Ms }) => p99Ms),
    chart('errors, %', ({ errorShare }) => errorShare * 100),
  ];
}
