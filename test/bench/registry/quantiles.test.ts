import t from 'tap';
import { timeEach, timesOf } from './quantiles.ts';

t.test('quantiles are times that were measured', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  t.same(timesOf(hundred), { count: 100, p50: 50, p99: 99 });
  t.same(timesOf([7]), { count: 1, p50: 7, p99: 7 });
  t.throws(() => timesOf([]), RangeError);
});

t.test('operations are timed one after the other, and an error ends it', async (t) => {
  const seen: number[] = [];
  const taken = await timeEach(3, 0, async (i) => void seen.push(i));
  t.same(seen, [0, 1, 2]);
  t.equal(taken.length, 3);
  await t.rejects(
    timeEach(3, 0, async (i) => {
      if (i === 1) throw new Error('no answer');
    }),
    { message: 'no answer' },
  );
});
