import { formatTable } from '../bench/table.ts';
import { type Report, rowsOf, tally, tallyText } from './http1/report.ts';

/** What the commands of all corpora print. */

export function tableOf(reports: readonly Report[]): string {
  const rows = rowsOf(reports).map((row) => [`${row.kind} ${row.class}`, ...row.tallies.map(tallyText)]);
  const sums = ['all', ...reports.map(({ results }) => tallyText(tally(results)))];
  return formatTable(['', ...reports.map(({ name, version }) => `${name} ${version}`)], [...rows, sums]);
}

export function detailsOf(reports: readonly Report[]): string {
  const lineOf = ({ verdict, case: one, detail }: Report['results'][number]) =>
    `  ${verdict} ${one.place} ${one.name}: ${detail}\n`;
  return reports
    .map(({ name, results }) => {
      const blemishes = results.filter(({ verdict, detail }) => verdict !== 'pass' || detail !== '');
      return `\n${name}\n${blemishes.map(lineOf).join('')}`;
    })
    .join('');
}

export function jsonOf(reports: readonly Report[], isBytewise: boolean) {
  return reports.map(({ name, version, results }) => ({
    name,
    version,
    isBytewise,
    tally: tally(results),
    cases: results.map(({ case: one, kind, verdict, detail, isTaken }) => {
      const { class: className, name: caseName, rfc, place } = one;
      return { kind, class: className, name: caseName, rfc, place, verdict, isTaken, detail };
    }),
  }));
}

export function isBlemished({ results }: Report): boolean {
  return results.some(({ verdict }) => verdict !== 'pass');
}
