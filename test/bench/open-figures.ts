import type { Chart } from './bar-chart.ts';
import type { CpuUse } from './cpu-watch.ts';
import { median } from './figures.ts';
import type { Mark } from './marks.ts';
import type { OpenReport } from './open-load.ts';
import { formatCount, formatRatio, formatTable } from './table.ts';

/** One block of open load on one proxy. */
export type OpenBlock = CpuUse & { readonly report: OpenReport };

/** One proxy, or the origin without any (`isDirect`), after all rounds. */
export type OpenMeasured = {
  readonly name: string;
  readonly version: string;
  readonly isDirect: boolean;
  readonly blocks: readonly OpenBlock[];
};

type Quantile = 'p50Us' | 'p90Us' | 'p99Us' | 'p999Us';

/**
 * What a proxy adds to a quantile of the same round without a proxy, round by round. The difference of two quantiles is
 * not the quantile of a difference, but the measure the field uses. It may be below 0 when the round was disturbed.
 */
export function addedUs(measured: OpenMeasured, direct: OpenMeasured, which: Quantile): number[] {
  return measured.blocks.map(({ report }, round) => report[which] - direct.blocks[round]!.report[which]);
}

/** CPU time of the proxy a request in microseconds, median of the rounds; null where there is no proxy. */
export function cpuPerRequestUs({ blocks }: { readonly blocks: readonly OpenBlock[] }): number | null {
  const values = blocks.flatMap(({ cpuSeconds, report }) =>
    cpuSeconds === null ? [] : [(cpuSeconds * 1e6) / report.answered],
  );
  return values.length === 0 ? null : median(values);
}

export function formatOpen(all: readonly OpenMeasured[]): string {
  const direct = all.find(({ isDirect }) => isDirect)!;
  const header = [
    '',
    'p50 us',
    'p90 us',
    'p99 us',
    'p99.9 us',
    'added p50',
    'added p99',
    'CPU us/req',
    'late p99',
    'errors',
  ];
  return formatTable(
    header,
    all.map((measured) => {
      const of = (which: keyof OpenReport) => median(measured.blocks.map(({ report }) => report[which]));
      const added = (which: Quantile) =>
        measured.isDirect ? '-' : median(addedUs(measured, direct, which)).toFixed(1);
      const cpu = cpuPerRequestUs(measured);
      return [
        measured.version ? `${measured.name} ${measured.version}` : measured.name,
        ...([of('p50Us'), of('p90Us'), of('p99Us'), of('p999Us')] as const).map((us) => us.toFixed(1)),
        added('p50Us'),
        added('p99Us'),
        cpu === null ? '-' : cpu.toFixed(1),
        of('lateP99Us').toFixed(1),
        formatCount(measured.blocks.reduce((sum, { report }) => sum + report.errors, 0)),
      ];
    }),
  );
}

const promises = [
  { promise: 'added p50 at most 1.15x HAProxy’s', which: 'p50Us', atMost: 1.15 },
  { promise: 'added p99 at most 1.50x HAProxy’s', which: 'p99Us', atMost: 1.5 },
] as const;

/**
 * Judged on the medians of what is added, divided: what HAProxy adds in one disturbed round may be near 0 or below it,
 * and a ratio to that says nothing. Not judged when its median is not above 0, or when the generator was late.
 */
export function judgeOpen(all: readonly OpenMeasured[]): Mark[] {
  const direct = all.find(({ isDirect }) => isDirect);
  const ours = all.find(({ name }) => name === 'meshlane');
  if (!direct || !ours) return [];
  const haproxy = all.find(({ name }) => name === 'haproxy');
  const errors = ours.blocks.reduce((sum, { report }) => sum + report.errors, 0);
  return [
    ...promises.map(({ promise, which, atMost }): Mark => {
      if (!haproxy) return { promise, isMet: null, said: 'haproxy was not measured' };
      const oursUs = median(addedUs(ours, direct, which));
      const theirsUs = median(addedUs(haproxy, direct, which));
      const late = [direct, ours, haproxy].filter(({ blocks }) => isLate(blocks));
      const said = `${oursUs.toFixed(1)} us to ${theirsUs.toFixed(1)} us`;
      if (!(theirsUs > 0)) return { promise, isMet: null, said: `${said}: HAProxy seems to add nothing` };
      if (late.length > 0) return { promise, isMet: null, said: `${said}: the generator was late` };
      return { promise, isMet: oursUs / theirsUs <= atMost, said: `${formatRatio(oursUs / theirsUs)}, ${said}` };
    }),
    { promise: 'no failed request', isMet: errors === 0, said: `${errors} failed` },
  ];
}

/** A generator that is late measures itself. */
const tolerableLateUs = 50;

/** Nothing that a late generator saw should be judged. */
export function isLate(blocks: readonly OpenBlock[]): boolean {
  return lateUsOf({ blocks }) > tolerableLateUs;
}

function lateUsOf({ blocks }: { readonly blocks: readonly OpenBlock[] }): number {
  return median(blocks.map(({ report }) => report.lateP99Us));
}

export function openDoubts(all: readonly { readonly name: string; readonly blocks: readonly OpenBlock[] }[]): string[] {
  return all.flatMap(({ name, blocks }) => {
    const found: string[] = [];
    const lateUs = lateUsOf({ blocks });
    if (lateUs > tolerableLateUs)
      found.push(
        `${name}: 1 % of the requests left ${lateUs.toFixed(0)} us late or later: others use the CPU of the load`,
      );
    const starved = blocks.reduce((sum, { report }) => sum + report.starved, 0);
    if (starved > 0) found.push(`${name}: ${starved} requests had to wait for a connection when they were due`);
    return found;
  });
}

export function openCharts(all: readonly OpenMeasured[]): Chart[] {
  const direct = all.find(({ isDirect }) => isDirect)!;
  const proxies = all.filter(({ isDirect }) => !isDirect);
  const chart = (title: string, of: (measured: OpenMeasured) => number): Chart => ({
    title,
    note: 'less is better',
    bars: proxies.map((measured) => ({ name: `${measured.name} ${measured.version}`, value: of(measured) })),
  });
  return [
    chart('added p50, us', (measured) => median(addedUs(measured, direct, 'p50Us'))),
    chart('added p99, us', (measured) => median(addedUs(measured, direct, 'p99Us'))),
    chart('CPU time a request, us', (measured) => cpuPerRequestUs(measured) ?? 0),
  ];
}
