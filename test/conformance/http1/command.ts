import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, type Invocation, UsageError } from '../../../cli/command.ts';
import { showProgress } from '../../bench/progress.ts';
import { type Owner, withOwner } from '../../harness/owner.ts';
import { detailsOf, isBlemished, jsonOf, tableOf } from '../report-text.ts';
import { replyCases, requestCases } from './corpus.ts';
import { pageOf } from './page.ts';
import { peerNames } from './peer-configs.ts';
import type { Report } from './report.ts';
import { runCorpus } from './run-corpus.ts';
import { type Subject, startOurs, startPeer } from './subject.ts';

const pageFile = 'docs/conformance/http1.md';
const root = join(import.meta.dirname, '..', '..', '..');

/** Ours closes at once; others may take their time, and some cases leave them waiting for more. Envoy takes a second. */
const quietMs = { meshlane: 3000, haproxy: 400, nginx: 400, apache2: 400, envoy: 1500 } as const;
const laneCounts = { meshlane: 2, haproxy: 8, nginx: 8, apache2: 8, envoy: 24 } as const;
type Name = keyof typeof quietMs;

export const command: Command = {
  name: 'http1',
  summary: 'The corpus of HTTP/1.1 through Meshlane, HAProxy, nginx, Envoy and Apache httpd.',
  options: {
    only: {
      value: 'CLASS',
      multiple: true,
      text: 'Only the cases of this class, such as chunk-sizes; may be repeated.',
    },
    peer: {
      value: 'NAME',
      multiple: true,
      text: `Only this one beside Meshlane: ${peerNames.join(', ')}; may be repeated.`,
    },
    bytewise: { text: 'Write the bytes one by one.' },
    details: { text: 'Show each case that did not simply pass.' },
    output: { value: 'FORMAT', short: 'o', default: 'table', text: 'table or json (every case, on stdout).' },
    page: { text: `Write ${pageFile}.` },
  },
  details: 'Exits with 1 when a case does not pass through Meshlane. A proxy that is not installed is installed first.',
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const cases = chosenCases(invocation.flags('only'));
  const names = chosenNames(invocation.flags('peer'));
  const format = invocation.flag('output');
  if (format !== 'table' && format !== 'json') throw new UsageError(`--output knows table, json; got "${format}"`);
  if (invocation.isSet('page') && (names.length <= peerNames.length || invocation.flags('only').length > 0))
    throw new UsageError('--page is about every class and every proxy; leave out --only and --peer');
  const isBytewise = invocation.isSet('bytewise');
  const progress = showProgress(process.stderr);
  const reports: Report[] = [];
  for (const name of names) {
    progress.status(`${name}: running`);
    const report = await withOwner(async (owner) => {
      const subject = await start(owner, name);
      if ('missing' in subject) return subject;
      const results = await runCorpus(subject.lanes, cases, { isBytewise, quietMs: quietMs[name] });
      return { name, version: subject.version, results };
    });
    if ('missing' in report) progress.note(`${name} is missing: ${report.missing}`);
    else reports.push(report);
  }
  progress.clear();
  if (format === 'json') process.stdout.write(`${JSON.stringify(jsonOf(reports, isBytewise), null, 2)}\n`);
  else process.stdout.write(`${tableOf(reports)}\n${invocation.isSet('details') ? detailsOf(reports) : ''}`);
  if (invocation.isSet('page')) {
    if (reports.length < names.length) throw new Error('the page needs every proxy, and one is missing');
    const notes = readFileSync(join(import.meta.dirname, 'notes.md'), 'utf8');
    writeFileSync(join(root, pageFile), pageOf(reports, notes));
  }
  return isBlemished(reports[0]!) ? 1 : 0;
}

function start(owner: Owner, name: Name): Promise<Subject | { missing: string }> {
  return name === 'meshlane' ? startOurs(owner, laneCounts[name]) : startPeer(owner, name, laneCounts[name]);
}

function chosenCases(classes: readonly string[]) {
  const requests = requestCases();
  const replies = replyCases();
  const known = [...new Set([...requests, ...replies].map((one) => one.class))];
  const stranger = classes.find((one) => !known.includes(one));
  if (stranger !== undefined) throw new UsageError(`--only knows ${known.join(', ')}; got "${stranger}"`);
  if (classes.length === 0) return { requests, replies };
  const isChosen = (one: { class: string }) => classes.includes(one.class);
  return { requests: requests.filter(isChosen), replies: replies.filter(isChosen) };
}

function chosenNames(peers: readonly string[]): readonly Name[] {
  const stranger = peers.find((one) => !(peerNames as readonly string[]).includes(one));
  if (stranger !== undefined) throw new UsageError(`--peer knows ${peerNames.join(', ')}; got "${stranger}"`);
  return ['meshlane', ...peerNames.filter((name) => peers.length === 0 || peers.includes(name))];
}
