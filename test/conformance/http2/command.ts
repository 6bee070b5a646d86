import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, type Invocation, UsageError } from '../../../cli/command.ts';
import { showProgress } from '../../bench/progress.ts';
import { formatTable } from '../../bench/table.ts';
import { type Owner, withOwner } from '../../harness/owner.ts';
import type { Report } from '../http1/report.ts';
import { detailsOf, isBlemished, jsonOf, tableOf } from '../report-text.ts';
import { type RequestCase, requestCases } from './corpus.ts';
import { chapterRows, failuresOf, runH2spec, type SpecCase, type SpecReport } from './h2spec.ts';
import { pageOf } from './page.ts';
import { peerNames } from './peer-configs.ts';
import { runCorpus } from './run-corpus.ts';
import { type SubjectName, startSubject } from './subject.ts';

const pageFile = 'docs/conformance/http2.md';
const root = join(import.meta.dirname, '..', '..', '..');
const parts = ['corpus', 'h2spec'];

/** Ours closes at once; others may take their time. Envoy takes a second. */
const quietMs = { meshlane: 3000, haproxy: 400, envoy: 1500, nghttpx: 400 } as const;
const laneCounts = { meshlane: 2, haproxy: 8, envoy: 24, nghttpx: 8 } as const;

export const command: Command = {
  name: 'http2',
  summary: 'The corpus of HTTP/2 to HTTP/1.1 and h2spec through Meshlane, HAProxy, Envoy and nghttpx.',
  options: {
    part: { value: 'NAME', text: `Only this part: ${parts.join(', ')}.` },
    only: { value: 'CLASS', multiple: true, text: 'Only the cases of this class, such as paths; may be repeated.' },
    peer: {
      value: 'NAME',
      multiple: true,
      text: `Only this one beside Meshlane: ${peerNames.join(', ')}; may be repeated.`,
    },
    bytewise: { text: 'Write the bytes of the corpus one by one.' },
    details: { text: 'Show each case that did not simply pass.' },
    output: { value: 'FORMAT', short: 'o', default: 'table', text: 'table or json (every case, on stdout).' },
    page: { text: `Write ${pageFile}.` },
  },
  details: 'Exits with 1 when a case does not pass through Meshlane. A proxy that is not installed is installed first.',
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const part = invocation.flag('part');
  const cases = chosenCases(invocation.flags('only'));
  const names = chosenNames(invocation.flags('peer'));
  const format = invocation.flag('output');
  if (part !== undefined && !parts.includes(part))
    throw new UsageError(`--part knows ${parts.join(', ')}; got "${part}"`);
  if (format !== 'table' && format !== 'json') throw new UsageError(`--output knows table, json; got "${format}"`);
  const isAll = names.length > peerNames.length && invocation.flags('only').length === 0 && part === undefined;
  if (invocation.isSet('page') && !isAll)
    throw new UsageError('--page is about everything; leave out --part, --only and --peer');
  const isBytewise = invocation.isSet('bytewise');
  const progress = showProgress(process.stderr);
  const reports: Report[] = [];
  const specs: SpecReport[] = [];
  for (const name of names) {
    progress.status(`${name}: running`);
    const missing = await withOwner(async (owner) => {
      const subject = await startSubject(owner, name, { laneCount: laneCounts[name] });
      if ('missing' in subject) return subject.missing;
      if (part !== 'h2spec') {
        const results = await runCorpus(subject.lanes, cases, { isBytewise, quietMs: quietMs[name] });
        reports.push({ name, version: subject.version, results });
      }
      if (part !== 'corpus') specs.push({ name, cases: await specOf(owner, name) });
      return null;
    });
    if (missing !== null) progress.note(`${name} is missing: ${missing}`);
  }
  progress.clear();
  if (format === 'json') process.stdout.write(`${JSON.stringify(asJson(reports, specs, isBytewise), null, 2)}\n`);
  else process.stdout.write(asText(reports, specs, invocation.isSet('details')));
  if (invocation.isSet('page')) {
    if (reports.length < names.length) throw new Error('the page needs every proxy, and one is missing');
    const notes = readFileSync(join(import.meta.dirname, 'notes.md'), 'utf8');
    writeFileSync(join(root, pageFile), pageOf(reports, specs, notes));
  }
  const isOursRight = reports.slice(0, 1).every((report) => !isBlemished(report));
  return isOursRight && specs.slice(0, 1).every(({ cases }) => failuresOf(cases).length === 0) ? 0 : 1;
}

async function specOf(owner: Owner, name: SubjectName): Promise<readonly SpecCase[]> {
  const subject = await startSubject(owner, name, { laneCount: 1, protocol: 'http2' });
  if ('missing' in subject) throw new Error(subject.missing);
  return runH2spec(owner, subject.lanes[0]!.port, { isTls: false });
}

function asJson(reports: readonly Report[], specs: readonly SpecReport[], isBytewise: boolean) {
  return { corpus: jsonOf(reports, isBytewise), h2spec: specs };
}

function asText(reports: readonly Report[], specs: readonly SpecReport[], isDetailed: boolean): string {
  let text = '';
  if (reports.length > 0) text += `${tableOf(reports)}\n${isDetailed ? detailsOf(reports) : ''}\n`;
  if (specs.length === 0) return text;
  text += `${formatTable(['h2spec', ...specs.map(({ name }) => name)], chapterRows(specs))}\n`;
  if (isDetailed) for (const { name, cases } of specs) text += `\n${[name, ...failuresOf(cases)].join('\n  fail ')}\n`;
  return text;
}

function chosenCases(classes: readonly string[]): readonly RequestCase[] {
  const cases = requestCases();
  const known = [...new Set(cases.map((one) => one.class))];
  const stranger = classes.find((one) => !known.includes(one));
  if (stranger !== undefined) throw new UsageError(`--only knows ${known.join(', ')}; got "${stranger}"`);
  return classes.length === 0 ? cases : cases.filter((one) => classes.includes(one.class));
}

function chosenNames(peers: readonly string[]): readonly SubjectName[] {
  const stranger = peers.find((one) => !(peerNames as readonly string[]).includes(one));
  if (stranger !== undefined) throw new UsageError(`--peer knows ${peerNames.join(', ')}; got "${stranger}"`);
  return ['meshlane', ...peerNames.filter((name) => peers.length === 0 || peers.includes(name))];
}
