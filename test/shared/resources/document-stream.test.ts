import t from 'tap';
import { readDocuments } from '../../../shared/resources/document-stream.ts';

t.test('a key that is given twice is told with its line, at any depth', async (t) => {
  t.strictSame(readDocuments('kind: a\nspec:\n  b: 1\n  c: [{ d: 1, "d": 2 }]\n  b: 2\n'), {
    ok: false,
    issues: [
      { pointer: '', message: 'line 5: Map keys must be unique' },
      { pointer: '', message: 'line 4: Map keys must be unique' },
    ],
  });
  t.match(readDocuments('{ "1": a, 1: b }'), { ok: false }, 'one would hide the other');
});

t.test('the same key in different maps and documents is fine', async (t) => {
  t.strictSame(readDocuments('a: { a: 1 }\nb: { a: 2 }\n---\na: 3\n'), {
    ok: true,
    value: [{ a: { a: 1 }, b: { a: 2 } }, { a: 3 }],
  });
});

t.test('a map of 60,000 keys is read in time that grows with its size', async (t) => {
  const text = Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n');
  const startedMs = performance.now();
  t.ok(readDocuments(text).ok);
  const tookMs = performance.now() - startedMs;
  t.ok(tookMs < 10_000, `${tookMs} ms`); // comparing each with each takes 40 s and more
});

t.test('of many faults, a hundred are told and the rest are counted', async (t) => {
  for (const text of [`k: 1\n`.repeat(251), '---\n"\n'.repeat(250)]) {
    const read = readDocuments(text);
    t.notOk(read.ok);
    if (read.ok) continue;
    t.equal(read.issues.length, 101);
    t.match(read.issues.at(-1), { pointer: '', message: /^and 1[0-9]+ more$/ });
  }
});
