import type { Block } from './block.ts';
import { doubts } from './comparison-figures.ts';
import { median, ratioByRound } from './figures.ts';
import { type Mark, sayRatio } from './marks.ts';
import { type OpenBlock, openDoubts } from './open-figures.ts';
import { formatCount, formatTable } from './table.ts';
import { unevenness, type WorkerCount } from './worker-shares.ts';

/** One proxy after all rounds, by the number of its workers. */
export type WorkersMeasured = {
  readonly workers: number;
  /** The whole fixed rate, each worker on a CPU of its own: the blocks of each round, for one worker one on each CPU. */
  readonly apart: readonly (readonly Block[])[];
  /** The same with no more for one worker than each of several gets; for several it is the whole. */
  readonly part: readonly (readonly Block[])[];
  /** At a fixed rate, all workers on the CPU of the proxy. */
  readonly open: readonly (OpenBlock & { readonly counts: readonly WorkerCount[] })[];
  /** As much as it can carry, all workers on that CPU. */
  readonly full: readonly Block[];
  /** As much as it can carry, workers and load wherever the scheduler puts them. */
  readonly spread: readonly Block[];
};

type Regime = 'apart' | 'part' | 'open' | 'full' | 'spread';

/** CPU time a request in microseconds, a value a round. */
export function cpuUs(measured: WorkersMeasured, regime: Regime): number[] {
  if (regime === 'open') return measured.open.map((block) => (block.cpuSeconds! * 1e6) / block.report.answered);
  if (regime === 'apart' || regime === 'part')
    return measured[regime].map((blocks) => blocks.reduce((sum, block) => sum + costUs(block), 0) / blocks.length);
  return measured[regime].map(costUs);
}

function costUs(block: Block): number {
  return 1e6 / block.requestsPerCpuSecond!;
}

export function formatWorkers(all: readonly WorkersMeasured[]): string {
  const header = [
    '',
    'own CPUs, same rate: us/req',
    'own CPUs, same rate a worker: us/req',
    'one CPU, fixed rate: us/req',
    'full: us/req',
    'full: req/s',
    'all CPUs: us/req',
    'all CPUs: req/s',
  ];
  const rates = (blocks: readonly Block[]) => formatCount(median(blocks.map((block) => block.requestsPerSecond)));
  return formatTable(
    header,
    all.map((measured) => [
      `${measured.workers} ${measured.workers === 1 ? 'worker' : 'workers'}`,
      median(cpuUs(measured, 'apart')).toFixed(2),
      median(cpuUs(measured, 'part')).toFixed(2),
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
    ['apart', 'at the same rate'],
    ['part', 'at the same rate a worker'],
  ] as const;
  const shares = more.open.map(({ counts }) => unevenness(counts));
  const worst = Math.max(...shares);
  const errors = [one, more]
    .flatMap(({ apart, part, open, full, spread }) => [
      ...apart.flat(),
      ...part.flat(),
      ...open.map(({ report }) => report),
      ...full,
      ...spread,
    ])
    .reduce((sum, block) => sum + block.errors, 0);
  return [
    ...regimes.map(([regime, where]): Mark => {
      const ratio = ratioByRound(cpuUs(more, regime), cpuUs(one, regime));
      return {
        promise: `${more.workers} workers, each on its own CPU, spend at most 1.05x of one worker’s CPU time a request ${where}`,
        isMet: ratio.median <= mostDearer,
        said: sayRatio(ratio),
      };
    }),
    {
      promise: `requests of each of ${more.workers} workers within 20 % of an even share`,
      isMet: worst <= mostUneven,
      said: `${(worst * 100).toFixed(0)} % off in the worst round, ${(median(shares) * 100).toFixed(0)} % in the median`,
    },
    { promise: 'no failed request', isMet: errors === 0, said: `${errors} failed` },
  ];
}
