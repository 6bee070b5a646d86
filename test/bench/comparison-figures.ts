import type { Chart } from './bar-chart.ts';
import type { Block } from './block.ts';
import { median, ratioByRound, type Spread } from './figures.ts';
import { formatCount, formatMegabytes, formatRatio, formatShare, formatTable } from './table.ts';

/** One proxy after all rounds: its blocks under full load, those with a single connection, and its memory at the end. */
export type Measured = {
  readonly name: string;
  readonly version: string;
  readonly blocks: readonly Block[];
  readonly singles: readonly Block[];
  readonly residentBytes: { readonly now: number; readonly peak: number } | null;
};

/** Medians over the rounds; latencies in microseconds, `errors` summed. null: not a proxy, so it has no such figure. */
export type Summary = {
  readonly requestsPerSecond: number;
  readonly requestsPerCpuSecond: number | null;
  readonly bytesPerCpuSecond: number | null;
  readonly busyShare: number | null;
  /** null: nothing is pinned. */
  readonly loadCpuShare: number | null;
  readonly originBusyShare: number;
  readonly meanUs: number;
  /** null: the load cannot tell. */
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  /** null: no block with a single connection was run. */
  readonly singleP50Us: number | null;
  readonly singleP99Us: number | null;
  readonly residentBytes: number | null;
  readonly errors: number;
};

export function summarize({ blocks, singles, residentBytes }: Measured): Summary {
  return {
    requestsPerSecond: median(blocks.map((block) => block.requestsPerSecond)),
    requestsPerCpuSecond: medianOrNull(blocks.map((block) => block.requestsPerCpuSecond)),
    bytesPerCpuSecond: medianOrNull(blocks.map((block) => block.bytesPerCpuSecond)),
    busyShare: medianOrNull(blocks.map((block) => block.busyShare)),
    loadCpuShare: medianOrNull(blocks.map((block) => block.loadCpuShare)),
    originBusyShare: median(blocks.map((block) => block.originBusyShare)),
    meanUs: median(blocks.map((block) => block.report.meanUs)),
    p50Us: medianOrNull(blocks.map((block) => block.report.p50Us)),
    p99Us: medianOrNull(blocks.map((block) => block.report.p99Us)),
    singleP50Us: medianOrNull(singles.map((block) => block.report.p50Us)),
    singleP99Us: medianOrNull(singles.map((block) => block.report.p99Us)),
    residentBytes: residentBytes?.now ?? null,
    errors: [...blocks, ...singles].reduce((sum, block) => sum + block.errors, 0),
  };
}

function medianOrNull(values: readonly (number | null)[]): number | null {
  const known = knownOf(values);
  return known.length === 0 ? null : median(known);
}

function knownOf(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

const header = [
  '',
  'req/s',
  'req/CPU-s',
  'MB/CPU-s',
  'busy',
  'load',
  'origin',
  'mean us',
  'p50 us',
  'p99 us',
  'c=1 p50',
  'c=1 p99',
  'RSS MB',
  'errors',
];

export function formatSummaries(all: readonly Measured[]): string {
  return formatTable(
    header,
    all.map((measured) => {
      const summary = summarize(measured);
      return [
        measured.version ? `${measured.name} ${measured.version}` : measured.name,
        formatCount(summary.requestsPerSecond),
        formatCount(summary.requestsPerCpuSecond),
        formatMegabytes(summary.bytesPerCpuSecond),
        ...[summary.busyShare, summary.loadCpuShare, summary.originBusyShare].map(formatShare),
        ...[summary.meanUs, summary.p50Us, summary.p99Us, summary.singleP50Us, summary.singleP99Us].map(formatCount),
        formatMegabytes(summary.residentBytes),
        formatCount(summary.errors),
      ];
    }),
  );
}

/** Meshlane’s figures divided by each peer’s, round by round; memory, measured once, as a plain quotient. */
export type Ratios = Readonly<
  Record<'requestsPerSecond' | 'requestsPerCpuSecond' | 'bytesPerCpuSecond' | 'mean', Spread> &
    Record<'p50' | 'p99' | 'singleP50' | 'singleP99', Spread | null>
> & { readonly resident: number };

export function ratiosOf(ours: Measured, peer: Measured): Ratios | null {
  if (!ours.residentBytes || !peer.residentBytes) return null;
  const by = (of: (measured: Measured) => number[]) => ratioByRound(of(ours), of(peer));
  const byKnown = (of: (measured: Measured) => (number | null)[]) =>
    knownOf(of(ours)).length === 0 ? null : by((measured) => knownOf(of(measured)));
  return {
    requestsPerSecond: by(({ blocks }) => blocks.map((block) => block.requestsPerSecond)),
    requestsPerCpuSecond: by(({ blocks }) => blocks.map((block) => block.requestsPerCpuSecond ?? Number.NaN)),
    bytesPerCpuSecond: by(({ blocks }) => blocks.map((block) => block.bytesPerCpuSecond ?? Number.NaN)),
    mean: by(({ blocks }) => blocks.map((block) => block.report.meanUs)),
    p50: byKnown(({ blocks }) => blocks.map((block) => block.report.p50Us)),
    p99: byKnown(({ blocks }) => blocks.map((block) => block.report.p99Us)),
    singleP50: byKnown(({ singles }) => singles.map((block) => block.report.p50Us)),
    singleP99: byKnown(({ singles }) => singles.map((block) => block.report.p99Us)),
    resident: ours.residentBytes.now / peer.residentBytes.now,
  };
}

export function formatRatios(ratios: Readonly<Record<string, Ratios>>): string {
  return formatTable(
    ['meshlane to', 'req/s', 'req/CPU-s', 'MB/CPU-s', 'mean us', 'p50 us', 'p99 us', 'c=1 p50', 'c=1 p99', 'RSS MB'],
    Object.entries(ratios).map(([name, ratio]) => [
      name,
      formatRatio(ratio.requestsPerSecond.median),
      formatRatio(ratio.requestsPerCpuSecond.median),
      formatRatio(ratio.bytesPerCpuSecond.median),
      ...[ratio.mean, ratio.p50, ratio.p99, ratio.singleP50, ratio.singleP99].map((by) =>
        by ? formatRatio(by.median) : '-',
      ),
      formatRatio(ratio.resident),
    ]),
  );
}

/** The bars of the picture: what the marks are about, for each proxy. */
export function chartsOf(all: readonly Measured[]): Chart[] {
  const chart = (title: string, note: string, of: (summary: Summary) => number | null): Chart => ({
    title,
    note,
    bars: all.flatMap((measured) => {
      const value = of(summarize(measured));
      return value === null ? [] : [{ name: `${measured.name} ${measured.version}`.trim(), value }];
    }),
  });
  return [
    chart('requests per CPU-second', 'more is better', (summary) => summary.requestsPerCpuSecond),
    chart('MB per CPU-second', 'more is better', ({ bytesPerCpuSecond: bytes }) => bytes && bytes / 1e6),
    chart('p99, us', 'less is better', (summary) => summary.p99Us),
    chart('p50 of one connection, us', 'less is better', (summary) => summary.singleP50Us),
  ].filter(({ bars }) => bars.length > 0);
}

/** What a reader should know before trusting the figures: shared CPUs, a load that was the limit, missing spans. */
export function doubts(all: readonly Measured[]): string[] {
  const found: string[] = [];
  for (const { name, blocks } of all) {
    const foreign = medianOrNull(blocks.map((block) => block.foreignShare));
    if (foreign !== null && foreign > 0.03)
      found.push(`${name}: other processes or interrupts took ${(foreign * 100).toFixed(0)}% of the proxy’s CPU`);
    const busy = medianOrNull(blocks.map((block) => block.busyShare));
    if (busy !== null && busy < 0.9)
      found.push(
        `${name}: on a CPU only ${(busy * 100).toFixed(0)}% of the time, so it was not the limit: trust req/CPU-s, not req/s`,
      );
  }
  return found;
}
