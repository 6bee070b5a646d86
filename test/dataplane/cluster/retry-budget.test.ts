import t from 'tap';
import { RetryBudget } from '../../../dataplane/cluster/retry-budget.ts';

t.test('a retry budget allows its share of the last ten seconds', async (t) => {
  const budget = new RetryBudget({ percent: 20, minPerSecond: 0 });
  let nowMs = 5_000_000;
  t.notOk(budget.tryTake(nowMs), 'without requests there is nothing to take');
  for (let i = 0; i < 50; i++) budget.onRequest(nowMs);
  for (let i = 0; i < 10; i++) t.ok(budget.tryTake(nowMs));
  t.notOk(budget.tryTake(nowMs));
  nowMs += 9000;
  t.notOk(budget.tryTake(nowMs), 'nine seconds later it is still used up');
  nowMs += 1000;
  t.notOk(budget.tryTake(nowMs), 'and then the requests are forgotten as well');
  for (let i = 0; i < 5; i++) budget.onRequest(nowMs);
  t.ok(budget.tryTake(nowMs));
  t.notOk(budget.tryTake(nowMs));
  nowMs += 3_600_000;
  budget.onRequest(nowMs);
  t.ok(budget.tryTake(nowMs), 'a share may be rounded up');
  t.notOk(budget.tryTake(nowMs));
});

t.test('a retry budget has a floor where requests are few', async (t) => {
  const budget = new RetryBudget({ percent: 20, minPerSecond: 2 });
  for (let i = 0; i < 20; i++) t.ok(budget.tryTake(1000));
  t.notOk(budget.tryTake(1000));
  t.ok(budget.tryTake(11_000));
});
