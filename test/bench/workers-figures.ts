import type { Block } from './block.ts';
import { doubts } from './comparison-figures.ts';
import { median, ratioByRound } from './figures.ts';
import { type Mark, sayRatio } from './marks.ts';
import { isLate, type OpenBlock, openDoubts } from './open-figures.ts';
import { formatCount, formatTable } from './table.ts';
import { unevenness, type WorkerCount } from './worker-shares.ts';

/** One proxy after all rounds, by the number of its workers. */
export type WorkersMeasured = {
  readonly workers: number;
  /** At a fixed rate, all workers on the CPU of the proxy. */
  readonly open: readonly (OpenBlock & { readonly counts: readonly WorkerCount[] })[];
  /** As much as it can carry, all workers on that CPU. */
  readonly full: readonly Block[];
  /** As much as it can carry, workers and load wherever the scheduler puts them. */
  readonly spread: readonly Block[];
};

type Regime = 'open' | 'full' | 'spread';

/** CPU time a request in microseconds, a value a round. */
export function cpuUs(measured: WorkersMeasured, regime: Regime): number[] {
  if (regime === 'open') return measured.open.map((block) => (block.cpuSeconds! * 1e6) / block.report.answered);
  return measured[regime].map((block) => 1e6 / block.requestsPerCpuSecond!);
}

export function formatWorkers(all: readonly WorkersMeasured[]): string {
  const header = ['', 'fixed rate: us/req', 'full: us/req', 'full: req/s', 'all CPUs: us/req', 'all CPUs: req/s'];
  const rates = (blocks: readonly Block[]) => formatCount(median(blocks.map((block) => block.requestsPerSecond)));
  return formatTable(
    header,
    all.map((measured) => [
      `${measured.workers} ${measured.workers === 1 ? 'worker' : 'workers'}`,
      median(cpuUs(measured, 'open')).toFixed(2),
      median(cpuUs(measured, 'full')).toFixed(2),
      rates(measured.full),
      median(cpuUs(measured, 'spread')).toFixed(2),
      rates(measured.spread),
    ]),
  );
}

/** Connections and requests of each worker, a line a round. */
export function formatShares({ open }: WorkersMeasured): string {
  return formatTable(
    ['', 'connections', 'requests', 'off an even share'],
    open.map(({ counts }, round) => [
      `round ${round + 1}`,
      counts.map(({ connections }) => connections).join(' / '),
      counts.map(({ requests }) => requests).join(' / '),
      `${(unevenness(counts) * 100).toFixed(0)} %`,
    ]),
  );
}

/** What a reader should know before trusting the figures. */
export function workersDoubts({ workers, open, full }: WorkersMeasured): string[] {
  const name = `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  return [
    ...openDoubts([{ name, blocks: open }]),
    ...doubts([{ name, version: '', blocks: full, singles: [], residentBytes: null }]),
  ];
}

const mostDearer = 1.05;
const mostUneven = 0.2;

/** The share is judged on the worst round: each has new connections, and an even share is promised to all of them. */
export function judgeWorkers(one: WorkersMeasured, more: WorkersMeasured): Mark[] {
  const regimes = [
    ['open', 'at a fixed rate'],
    ['full', 'under full load'],
  ] as const;
  const shares = more.open.map(({ counts }) => unevenness(counts));
  const worst = Math.max(...shares);
  const errors = [one, more]
    .flatMap(({ open, full, spread }) => [...open.map(({ report }) => report), ...full, ...spread])
    .reduce((sum, block) => sum + block.errors, 0);
  return [
    ...regimes.map(([regime, where]): Mark => {
      const ratio = ratioByRound(cpuUs(more, regime), cpuUs(one, regime));
      const promise = `${more.workers} workers spend at most 1.05x of one worker’s CPU time a request ${where}`;
      if (regime === 'open' && [one, more].some(({ open }) => isLate(open)))
        return { promise, isMet: null, said: `${sayRatio(ratio)}: the generator was late` };
      return { promise, isMet: ratio.median <= mostDearer, said: sayRatio(ratio) };
    }),
    {
      promise: `requests of each of ${more.workers} workers within 20 % of an even share`,
      isMet: worst <= mostUneven,
      said: `${(worst * 100).toFixed(0)} % off in the worst round, ${(median(shares) * 100).toFixed(0)} % in the median`,
    },
    { promise: 'no failed request', isMet: errors === 0, said: `${errors} failed` },
  ];
}
