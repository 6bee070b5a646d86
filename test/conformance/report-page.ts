import { type Report, rowsOf, takenButRefusedElsewhere, tally, tallyText } from './http1/report.ts';

/** What the pages of all corpora are made of. */

export function markdownTable(header: readonly string[], lines: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A row for each class of this kind. */
export function classTable(title: string, kind: 'request' | 'reply', reports: readonly Report[]): string {
  const lines = rowsOf(reports)
    .filter((row) => row.kind === kind)
    .map((row) => [nameOf(row), ...row.tallies.map(tallyText)]);
  const sums = reports.map(({ results }) => tallyText(tally(results.filter((result) => result.kind === kind))));
  return markdownTable([title, ...reports.map(({ name }) => name)], [...lines, ['all', ...sums]]);
}

/** A line for each report but our own. */
export function criticalElsewhere(reports: readonly Report[]): string {
  const lines = reports.slice(1).map(({ name, results }) => {
    const critical = results.filter(({ verdict }) => verdict === 'critical');
    const names = critical.map(({ case: one }) => `${nameOf(one)}: ${one.name}`);
    return `- ${name}: ${names.length === 0 ? 'none' : names.join('; ')}`;
  });
  return lines.join('\n');
}

/** A line for each case that we take and another proxy refuses, where both are right. */
export function takenHere(reports: readonly Report[]): string {
  const lines = takenButRefusedElsewhere(reports).map(
    ({ case: one, by }) => `- ${nameOf(one)}: ${one.name} (refused by ${by.join(', ')})`,
  );
  return lines.length === 0 ? 'Nothing.' : lines.join('\n');
}

export function versionsOf(reports: readonly Report[]): string {
  return reports.map(({ name, version }) => `${name} ${version}`).join(', ');
}

function nameOf(one: { readonly class: string }): string {
  return one.class.replaceAll('-', ' ');
}
