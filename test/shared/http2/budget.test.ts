import t from 'tap';
import { Budget } from '../../../shared/http2/budget.ts';

t.test('so much may be spent at once, and not one more', async (t) => {
  const budget = new Budget(10, 1);
  for (let i = 0; i < 10; i++) t.ok(budget.spend(1, 1000));
  t.notOk(budget.spend(1, 1000));
});

t.test('time and work give back, up to what there was', async (t) => {
  const budget = new Budget(10, 2);
  t.ok(budget.spend(10, 0));
  t.ok(budget.spend(2, 1000), 'two a second');
  t.notOk(budget.spend(0.5, 1100), 'and no more in a tenth of one');
  budget.earn(1000);
  t.ok(budget.spend(10, 1100));
  t.notOk(budget.spend(1, 1100));
  t.ok(budget.spend(10, 1_000_000));
  t.notOk(budget.spend(1, 1_000_000), 'a long rest gives no more than there was');
});

t.test('what is earned while nothing was spent is not saved up', async (t) => {
  const budget = new Budget(3, 0);
  budget.earn(5);
  t.ok(budget.spend(3, 0));
  t.notOk(budget.spend(1, 0));
});
