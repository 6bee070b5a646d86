import { formatCount, formatRatio, formatTable } from '../table.ts';

/** Of one version: medians over the rounds, and bytes it allocates an operation. */
export type StageFigures = {
  readonly nanoseconds: number;
  readonly perSecond: number;
  readonly bytes: number;
  /** Nanoseconds an operation, round by round. */
  readonly rounds: readonly number[];
};

export type StageReport = {
  readonly name: string;
  readonly what: string;
  /** How the plain version does it. */
  readonly how: string;
  readonly fast: StageFigures;
  readonly plain: StageFigures;
};

export function formatStages(reports: readonly StageReport[]): string {
  const cells = ({ nanoseconds, perSecond, bytes }: StageFigures) => [
    nanoseconds.toFixed(1),
    formatCount(perSecond),
    bytes < 0.05 ? '0' : bytes.toFixed(1),
  ];
  return formatTable(
    ['', 'ns/op', 'op/s', 'B/op', 'plain: ns/op', 'op/s', 'B/op', 'faster'],
    reports.map(({ name, fast, plain }) => [
      name,
      ...cells(fast),
      ...cells(plain),
      formatRatio(plain.nanoseconds / fast.nanoseconds),
    ]),
  );
}

export function explainStages(reports: readonly StageReport[]): string {
  return reports.map(({ name, what, how }) => `${name}: ${what}; plain: ${how}`).join('\n');
}
