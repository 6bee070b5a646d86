import { writeFileSync } from 'node:fs';
import { type Command, type Invocation, UsageError } from '../../../cli/command.ts';
import { showProgress } from '../../bench/progress.ts';
import { formatTable } from '../../bench/table.ts';
import { withOwner } from '../../harness/owner.ts';
import { type Case, readCases } from './corpus.ts';
import { lanes } from './mesh.ts';
import { notes, pageFile, pageOf } from './page.ts';
import { type Result, runCases } from './run-cases.ts';

export const command: Command = {
  name: 'gateway-api',
  summary: 'The tests of Gateway API for meshes, told again for the resources of Meshlane.',
  options: {
    only: { value: 'NAME', multiple: true, text: 'Only this case, such as MeshBasic; may be repeated.' },
    page: { text: 'Write docs/conformance/gateway-api.md, if every case passes.' },
  },
  details: 'Exits with 1 when a case does not pass.',
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const cases = chosenCases(invocation.flags('only'));
  if (invocation.isSet('page') && invocation.flags('only').length > 0)
    throw new UsageError('--page is about everything; leave out --only');
  const progress = showProgress(process.stderr);
  const results: Result[] = [];
  for (const lane of lanes) {
    progress.status(`${lane.join(' -> ')}: running`);
    results.push(...(await withOwner((owner) => runCases(owner, lane, cases))));
  }
  progress.clear();
  process.stdout.write(textOf(results, cases));
  const isRight = results.every(({ differences }) => differences.length === 0);
  if (isRight && invocation.isSet('page')) writeFileSync(pageFile, pageOf(cases, notes()));
  return isRight ? 0 : 1;
}

/** A row for each case, a column for each lane; then what is wrong. */
function textOf(results: readonly Result[], cases: readonly Case[]): string {
  const rows = cases.map((one) => [
    one.name,
    ...lanes.map((lane) => {
      const result = results.find((result) => result.case === one && result.lane === lane);
      if (result === undefined) return '-';
      return result.differences.length === 0 ? 'pass' : 'FAIL';
    }),
  ]);
  const table = formatTable(['', ...lanes.map((lane) => lane.join(' > '))], rows);
  const wrong = results.flatMap(({ case: one, lane, differences }) =>
    differences.map((difference) => `  ${one.name}, ${lane.join(' > ')}: ${difference}\n`),
  );
  return `${table}\n${wrong.length === 0 ? '' : `\n${wrong.join('')}`}`;
}

function chosenCases(names: readonly string[]): readonly Case[] {
  const cases = readCases();
  const known = cases.map(({ name }) => name);
  const stranger = names.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new UsageError(`--only knows ${known.join(', ')}; got "${stranger}"`);
  return names.length === 0 ? cases : cases.filter(({ name }) => names.includes(name));
}
