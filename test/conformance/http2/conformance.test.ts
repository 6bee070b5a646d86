import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { rowsOf, tallyText } from '../http1/report.ts';
import { startCarelessProxy } from './careless-proxy.ts';
import { requestCases } from './corpus.ts';
import { type Result, runCorpus } from './run-corpus.ts';
import { startOurs } from './subject.ts';

const cases = requestCases();
const pageFile = join(import.meta.dirname, '..', '..', '..', 'docs', 'conformance', 'http2.md');

let whole: readonly Result[] = [];

function blemishes(results: readonly Result[]): string[] {
  return results
    .filter(({ verdict, detail }) => verdict !== 'pass' || detail !== '')
    .map((one) => `${one.case.place} ${one.case.name}: ${one.verdict} ${one.detail}`);
}

t.test('every case of the corpus comes out right', async (t) => {
  const { lanes } = await startOurs(t, { laneCount: 2 });
  for (const isBytewise of [true, false]) {
    const results = await runCorpus(lanes, cases, { isBytewise, quietMs: 3000 });
    t.strictSame(blemishes(results), [], isBytewise ? 'byte by byte' : 'whole');
    t.equal(results.length, cases.length);
    whole = results;
  }
});

t.test('the published page says of us what is true', async (t) => {
  const page = readFileSync(pageFile, 'utf8');
  const said = [...page.matchAll(/^- (.+?): (.+) \(refused by .+\)$/gm)].map(
    ([, className, name]) => `${className}: ${name}`,
  );
  t.ok(said.length > 5);
  const nameOf = ({ case: one }: Result) => `${one.class.replaceAll('-', ' ')}: ${one.name}`;
  const known = new Set(whole.filter(({ isTaken }) => isTaken).map(nameOf));
  t.strictSame(
    said.filter((one) => !known.has(one)),
    [],
    'what is said to be taken is taken',
  );
  for (const { class: className, tallies } of rowsOf([{ name: 'meshlane', version: '', results: whole }]))
    t.ok(page.includes(`\n| ${className.replaceAll('-', ' ')} | ${tallyText(tallies[0]!)} |`), className);
});

t.test('a gateway that puts into lines whatever came in frames is found out', async (t) => {
  const classes = [
    'field-values',
    'field-names',
    'paths',
    'methods',
    'connection-fields',
    'content-lengths',
    'trailers',
  ];
  const lanes = await Promise.all(Array.from({ length: 8 }, () => startCarelessProxy(t)));
  const chosen = cases.filter((one) => classes.includes(one.class));
  const results = await runCorpus(lanes, chosen, { isBytewise: false, quietMs: 500 });
  const critical = (className: string) =>
    results.filter((one) => one.case.class === className && one.verdict === 'critical').length;
  t.ok(critical('field-values') >= 15, 'values that end lines');
  t.ok(critical('field-names') >= 10, 'names that end lines');
  t.ok(critical('paths') >= 5, 'paths that end the first line');
  t.ok(critical('methods') >= 4, 'methods that begin another request');
  t.ok(critical('connection-fields') >= 5, 'codings beside a length');
  t.ok(critical('content-lengths') >= 10, 'lengths that are not those of the body');
  t.ok(critical('trailers') >= 5, 'trailers that end the section');
  const wellBehaved = results.filter(({ verdict }) => verdict === 'pass').length;
  t.ok(wellBehaved > 60, `what is good passes all the same: ${wellBehaved}`);
});
