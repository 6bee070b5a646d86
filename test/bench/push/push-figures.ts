import type { Chart } from '../bar-chart.ts';
import type { Mark } from '../marks.ts';
import { quantile } from '../open-schedule.ts';
import { formatCount, formatShare, formatTable } from '../table.ts';
import type { PushReport, SustainedReport } from './push-load.ts';

/** One fleet; `foreignShare` is what others took of the control plane's CPU meanwhile, null where it was not measured. */
export type PushMeasured = { readonly sidecars: number; readonly foreignShare: number | null } & PushReport;
export type SustainedMeasured = { readonly sidecars: number; readonly foreignShare: number | null } & SustainedReport;

/** Above it, a figure that falls short says nothing. */
const mostForeign = 0.2;

const at = (share: number, times: (measured: PushMeasured) => readonly number[]) => (measured: PushMeasured) =>
  quantile(Float64Array.from(times(measured)).sort(), share);
const effective = ({ effectiveMs }: PushMeasured) => effectiveMs;
const known = ({ knownMs }: PushMeasured) => knownMs;
const p50 = at(0.5, effective);
const p99 = at(0.99, effective);
const knownP50 = at(0.5, known);
const knownP99 = at(0.99, known);

export function formatPush(all: readonly PushMeasured[]): string {
  return formatTable(
    [
      'sidecars',
      'p50 ms',
      'p99 ms',
      'known p50',
      'known p99',
      'CPU ms a change',
      'us a sidecar',
      'kernel',
      'kB a sidecar',
      'opened s',
      'storm s',
    ],
    all.map((one) => [
      formatCount(one.sidecars),
      p50(one).toFixed(1),
      p99(one).toFixed(1),
      knownP50(one).toFixed(1),
      knownP99(one).toFixed(1),
      one.cpuMs.toFixed(1),
      ((one.cpuMs * 1000) / one.sidecars).toFixed(1),
      formatShare(one.kernelShare),
      (one.bytesPerSidecar / 1000).toFixed(0),
      (one.openedMs / 1000).toFixed(1),
      (one.reconnectedMs / 1000).toFixed(1),
    ]),
  );
}

export function formatSustained(one: SustainedMeasured): string {
  return (
    `${formatCount(one.changesPerSecond)} endpoint changes/s to ${formatCount(one.sidecars)} sidecars with scopes: ` +
    `${formatCount(one.updatesPerSecond)} updates/s, ${formatShare(one.cpuShare)} of a CPU, ` +
    `all in sync ${one.settledMs.toFixed(0)} ms after the last`
  );
}

export function judgePush(all: readonly PushMeasured[], sustained: SustainedMeasured | null): Mark[] {
  const fleetOf = (sidecars: number) => all.find((one) => one.sidecars === sidecars);
  return [
    judge('1,000 sidecars have a change, p99 in at most 30 ms', fleetOf(1_000), p99, 30, 'ms'),
    judge('5,000 sidecars have a change, p99 in at most 150 ms', fleetOf(5_000), p99, 150, 'ms'),
    judge('at most 100 kB for each of 5,000', fleetOf(5_000), (one) => one.bytesPerSidecar / 1000, 100, 'kB'),
    judge('5,000 come back at once in at most 10 s', fleetOf(5_000), (one) => one.reconnectedMs / 1000, 10, 's'),
    judge('5,000 endpoint changes a second', sustained, (one) => -one.changesPerSecond, -5_000, '/s'),
    judge('and all in sync a second after the last', sustained, ({ settledMs }) => settledMs, 1_000, 'ms'),
  ];
}

function judge<T extends { readonly foreignShare: number | null }>(
  promise: string,
  measured: T | null | undefined,
  figure: (measured: T) => number,
  most: number,
  unit: string,
): Mark {
  if (!measured) return { promise, isMet: null, said: 'not measured' };
  const value = figure(measured);
  const isDisturbed = (measured.foreignShare ?? 0) > mostForeign;
  const disturbed = isDisturbed ? `; others took ${formatShare(measured.foreignShare)} of its CPU` : '';
  const isMet = value <= most ? true : isDisturbed ? null : false;
  return { promise, isMet, said: `${Math.abs(value).toFixed(1)} ${unit}${disturbed}` };
}

export function pushCharts(all: readonly PushMeasured[]): Chart[] {
  const chart = (title: string, figure: (measured: PushMeasured) => number): Chart => ({
    title,
    note: 'less is better',
    bars: all.map((one) => ({ name: `meshlane, ${formatCount(one.sidecars)} sidecars`, value: figure(one) })),
  });
  return [
    chart('committed until the last sidecar has it: p50, ms', p50),
    chart('p99, ms', p99),
    chart('committed until the control plane knows that all have it: p50, ms', knownP50),
    chart('CPU time of the control plane for a change, ms', ({ cpuMs }) => cpuMs),
    chart('memory for a sidecar, kB', ({ bytesPerSidecar }) => bytesPerSidecar / 1000),
    chart('all come back at once, s', ({ reconnectedMs }) => reconnectedMs / 1000),
  ];
}

/** Where the time goes, of the largest fleet. */
export function explainPush(all: readonly PushMeasured[]): string {
  const largest = all.reduce((a, b) => (a.sidecars > b.sidecars ? a : b));
  const perSidecar = (largest.cpuMs * 1000) / largest.sidecars;
  const kernel = perSidecar * largest.kernelShare;
  return [
    `Where the time goes: ${perSidecar.toFixed(1)} us for a sidecar and change, of which the kernel has ${kernel.toFixed(1)} for one write and one`,
    `read of a socket and for waiting for it; the rest is Node's (a callback for each of the two) and, for less than a quarter, ours: the`,
    'update is encoded once, and an answer is a dozen bytes. So the next factor of three is not to be had in one thread: it needs replicas,',
    'each of which serves its share of the sidecars, or threads that have the sockets and get each update once.',
  ].join('\n');
}
