import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readSteps } from './bytes.ts';
import { type Case, readClass, replyCases, requestCases } from './corpus.ts';

t.test('the corpus has every class, and each of its cases is another one', async (t) => {
  const requests = requestCases();
  const replies = replyCases();
  t.ok(requests.length >= 900, `${requests.length} requests`);
  t.ok(replies.length >= 190, `${replies.length} replies`);
  t.ok(new Set(requests.map((one) => one.class)).size >= 25, 'classes of requests');
  t.ok(new Set(replies.map((one) => one.class)).size >= 9, 'classes of replies');
  t.strictSame(
    sameTwice(requests, (one) => bytesOf(one.steps)),
    [],
    'no request is there twice',
  );
  t.strictSame(
    sameTwice(replies, (one) => `${one.request} ${bytesOf(one.steps)}`),
    [],
    'no reply is there twice',
  );
});

/** Two classes may look at the same bytes, one class may not. */
function sameTwice<T extends Case>(cases: readonly T[], keyOf: (one: T) => string): string[] {
  const places = new Map<string, string>();
  const found: string[] = [];
  for (const one of cases) {
    const key = `${one.class} ${keyOf(one)}`;
    const before = places.get(key);
    if (before !== undefined) found.push(`${one.place} is ${before}`);
    places.set(key, one.place);
  }
  return found;
}

function bytesOf(steps: readonly (Buffer | string)[]): string {
  return steps.map((step) => (typeof step === 'string' ? `{${step}}` : step.toString('latin1'))).join('');
}

t.test('the page has each class with as many cases as there are', async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/conformance/http1.md'), 'utf8');
  for (const cases of [requestCases(), replyCases()])
    for (const name of new Set(cases.map((one) => one.class))) {
      const count = cases.filter((one) => one.class === name).length;
      t.ok(page.includes(`\n| ${name.replaceAll('-', ' ')} | ${count} |`), `${name}: ${count}, all passed`);
    }
});

t.test('bytes are written with escapes, repetitions and what happens between them', async (t) => {
  t.strictSame(readSteps('a\\r\\n\\0\\t\\s\\\\\\xff'), [Buffer.from('a\r\n\0\t \\\xff', 'latin1')]);
  t.strictSame(readSteps('{2*a{3*b}c}'), [Buffer.from('abbbcabbbc')]);
  t.strictSame(readSteps('a{pause}b{close}'), [Buffer.from('a'), 'pause', Buffer.from('b'), 'close']);
  for (const bad of ['\\q', '\\xg0', '{', '{wait}', '{2*{close}}', 'ä']) t.throws(() => readSteps(bad), bad);
});

t.test('a mistake in a file of cases is named with its place', async (t) => {
  const group = 'group refuse 400 | RFC 9112 §3\n';
  const mistakes: Readonly<Record<string, RegExp>> = {
    'group refuse 400 | somewhere\n': /x\.txt:1: .*no section/,
    '- a case\n': /x\.txt:1: a case outside/,
    '> bytes\n': /x\.txt:1: bytes that belong/,
    [`${group}- a\n> b\n- a\n`]: /x\.txt:4: a second case/,
    [`${group}nonsense\n`]: /x\.txt:2: a line that begins/,
    'group refuse 400 | RFC 9112 §3 | gone\n': /x\.txt:1: nothing is called "gone"/,
  };
  for (const [text, wanted] of Object.entries(mistakes)) t.throws(() => readClass('x.txt', text), { message: wanted });
});
