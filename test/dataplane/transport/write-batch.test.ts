import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { WriteBatch } from '../../../dataplane/transport/write-batch.ts';

/** A connection that notes when it was flushed, and does more then if it is told to. */
const noting = (flushed: string[], name: string, then: () => void = () => undefined) => ({
  flush: () => {
    flushed.push(name);
    then();
  },
});

t.test('each that entered in a turn is flushed once at its end, in order', async (t) => {
  const batch = new WriteBatch();
  const flushed: string[] = [];
  batch.add(noting(flushed, 'a'));
  batch.add(noting(flushed, 'b'));
  t.strictSame(flushed, []);
  await nextTurn();
  t.strictSame(flushed, ['a', 'b']);
  await nextTurn();
  t.strictSame(flushed, ['a', 'b']);
});

t.test('what enters while others are flushed has its turn after them', async (t) => {
  const batch = new WriteBatch();
  const flushed: string[] = [];
  const late = noting(flushed, 'late');
  batch.add(noting(flushed, 'a', () => batch.add(late)));
  batch.add(noting(flushed, 'b'));
  await nextTurn();
  t.strictSame(flushed, ['a', 'b']);
  await nextTurn();
  t.strictSame(flushed, ['a', 'b', 'late']);
});

t.test('buffers are used again, but neither too many nor too large ones are kept', async (t) => {
  const batch = new WriteBatch();
  const one = batch.takeBuffer();
  t.not(batch.takeBuffer(), one);
  batch.giveBuffer(one);
  t.equal(batch.takeBuffer(), one);
  one.reserve(100_000);
  batch.giveBuffer(one);
  t.not(batch.takeBuffer(), one);
  const many = Array.from({ length: 300 }, () => batch.takeBuffer());
  for (const buffer of many) batch.giveBuffer(buffer);
  const again = new Set(Array.from({ length: 300 }, () => batch.takeBuffer()));
  t.equal(many.filter((buffer) => again.has(buffer)).length, 256);
});
