import type { Result } from './run-corpus.ts';

/** What one proxy made of the corpus. */
export type Report = { readonly name: string; readonly version: string; readonly results: readonly Result[] };

export type Tally = { pass: number; lax: number; strict: number; critical: number };

export type ClassRow = { readonly kind: Result['kind']; readonly class: string; readonly tallies: readonly Tally[] };

/** A row for each class, a tally for each report; requests first. */
export function rowsOf(reports: readonly Report[]): ClassRow[] {
  const rows: ClassRow[] = [];
  for (const { kind, case: one } of reports[0]?.results ?? []) {
    if (rows.some((row) => row.kind === kind && row.class === one.class)) continue;
    const isOf = (result: Result) => result.kind === kind && result.case.class === one.class;
    rows.push({ kind, class: one.class, tallies: reports.map(({ results }) => tally(results.filter(isOf))) });
  }
  return rows;
}

export function tally(results: readonly Result[]): Tally {
  const counts: Tally = { pass: 0, lax: 0, strict: 0, critical: 0 };
  for (const { verdict } of results) counts[verdict]++;
  return counts;
}

/** `58`, or `49, 7 lax, 2 critical`. */
export function tallyText({ pass, ...others }: Tally): string {
  const rest = Object.entries(others).filter(([, count]) => count > 0);
  return [String(pass), ...rest.map(([name, count]) => `${count} ${name}`)].join(', ');
}

/** Cases that other proxies refuse and the first one takes, where both are right. */
export function takenButRefusedElsewhere(reports: readonly Report[]) {
  const [ours, ...others] = reports;
  return (ours?.results ?? []).flatMap((own, index) => {
    const by = others.filter(({ results }) => isRefused(results[index]!)).map(({ name }) => name);
    return own.isTaken && by.length > 0 ? [{ case: own.case, kind: own.kind, by }] : [];
  });
}

function isRefused({ verdict, isTaken }: Result): boolean {
  return !isTaken && verdict === 'pass';
}
