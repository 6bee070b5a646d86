import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Owner } from '../../harness/owner.ts';
import { type Case, replyCases, requestCases } from './corpus.ts';
import type { Lane } from './drive.ts';
import { RecordingOrigin, writeBytes } from './recording-origin.ts';
import { rowsOf, tallyText } from './report.ts';
import { type Result, runCorpus } from './run-corpus.ts';
import { startOurs } from './subject.ts';

const cases = { requests: requestCases(), replies: replyCases() };
const pageFile = join(import.meta.dirname, '..', '..', '..', 'docs', 'conformance', 'http1.md');
const all = cases.requests.length + cases.replies.length;

let whole: readonly Result[] = [];

function blemishes(results: readonly Result[]): string[] {
  return results
    .filter(({ verdict, detail }) => verdict !== 'pass' || detail !== '')
    .map((one) => `${one.case.place} ${one.case.name}: ${one.verdict} ${one.detail}`);
}

t.test('every case of the corpus comes out right', async (t) => {
  const { lanes } = await startOurs(t, 2);
  for (const isBytewise of [false, true]) {
    const results = await runCorpus(lanes, cases, { isBytewise, quietMs: 3000 });
    t.strictSame(blemishes(results), [], isBytewise ? 'byte by byte' : 'whole');
    t.equal(results.length, all);
    whole = results;
  }
});

t.test('the published page says of us what is true', async (t) => {
  const page = readFileSync(pageFile, 'utf8');
  const said = [...page.matchAll(/^- (.+?): (.+) \(refused by .+\)$/gm)].map(
    ([, className, name]) => `${className}: ${name}`,
  );
  t.ok(said.length > 20);
  const taken = whole.filter(({ isTaken }) => isTaken);
  const nameOf = ({ case: one }: Result) => `${one.class.replaceAll('-', ' ')}: ${one.name}`;
  const known = new Set(taken.map(nameOf));
  t.strictSame(
    said.filter((one) => !known.has(one)),
    [],
    'what is said to be taken is taken',
  );
  for (const { kind, class: className, tallies } of rowsOf([{ name: 'meshlane', version: '', results: whole }]))
    t.ok(page.includes(`\n| ${className.replaceAll('-', ' ')} | ${tallyText(tallies[0]!)} |`), `${kind} ${className}`);
});

t.test('bytes that are written one by one arrive in many reads', async (t) => {
  let reads = 0;
  const server = createServer((socket) => socket.on('data', () => reads++)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  t.teardown(() => {
    socket.destroy();
    server.close();
  });
  await once(socket, 'connect');
  await writeBytes(socket, Buffer.alloc(500, 'a'), true);
  t.ok(reads > 100, `${reads} reads of 500 bytes`);
});

t.test('a proxy that passes on whatever it gets is found out', async (t) => {
  const classes = [
    'both-framings',
    'transfer-encoding',
    'chunk-line-ends',
    'lengths',
    'fields',
    'field-names',
    'codings',
  ];
  const some = <T extends Case>(list: readonly T[]) => list.filter((one) => classes.includes(one.class));
  const lanes = await Promise.all(Array.from({ length: 8 }, () => startTunnel(t)));
  const chosen = { requests: some(cases.requests), replies: some(cases.replies) };
  const results = await runCorpus(lanes, chosen, { isBytewise: false, quietMs: 60 });
  const critical = (kind: string, className: string) =>
    results.filter((one) => one.kind === kind && one.case.class === className && one.verdict === 'critical').length;
  t.ok(critical('request', 'both-framings') >= 30, 'two framings');
  t.ok(critical('request', 'transfer-encoding') >= 40, 'codings');
  t.ok(critical('request', 'chunk-line-ends') >= 20, 'line ends');
  t.ok(critical('reply', 'lengths') >= 5, 'lengths of replies');
  t.ok(critical('reply', 'fields') >= 5, 'fields of replies');
  const wellBehaved = results.filter(({ verdict }) => verdict === 'pass').length;
  t.ok(wellBehaved > 20, `what is good passes by a tunnel as well: ${wellBehaved}`);
});

/** Bytes through and back, as a proxy that reads no HTTP does it. */
async function startTunnel(t: Owner): Promise<Lane> {
  const origin = await new RecordingOrigin().listen(t);
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: origin.port, host: '127.0.0.1', allowHalfOpen: true });
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, origin };
}
