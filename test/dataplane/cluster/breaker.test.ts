import t from 'tap';
import { Breaker, type BreakerObserver, type BreakerState } from '../../../dataplane/cluster/breaker.ts';
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

const observing = (onTransition: (to: BreakerState) => unknown): BreakerObserver => ({
  onTransition: (to) => void onTransition(to),
  onRetired: () => undefined,
});

t.test('a breaker that is closed opens after failures in a row only', async (t) => {
  const states: BreakerState[] = [];
  const breaker = new Breaker(
    { consecutiveFailures: 3, openForMs: 100, maxOpenForMs: 300 },
    observing((to) => states.push(to)),
  );
  const failOnce = (nowMs: number) => breaker.onFailure(nowMs, breaker.onStart());
  failOnce(0);
  failOnce(0);
  breaker.onSuccess();
  failOnce(0);
  failOnce(0);
  t.equal(breaker.state, 'closed');
  failOnce(0);
  t.equal(breaker.state, 'open');
  t.notOk(breaker.isPassable(99));
  t.ok(breaker.isPassable(100));
  let probe = breaker.onStart();
  t.notOk(breaker.isPassable(1000), 'one probe at a time');
  breaker.onSuccess();
  breaker.onFailure(100, false);
  breaker.onCancel(100, false);
  t.equal(breaker.state, 'half-open', 'who is not the probe decides nothing');
  breaker.onFailure(100, probe);
  t.notOk(breaker.isPassable(299), 'twice as long');
  t.ok(breaker.isPassable(300));
  for (const [fromMs, untilMs] of [
    [300, 600],
    [600, 900],
  ] as const) {
    breaker.onFailure(fromMs, breaker.onStart());
    t.notOk(breaker.isPassable(untilMs - 1), 'never longer than the bound');
    t.ok(breaker.isPassable(untilMs));
  }
  probe = breaker.onStart();
  breaker.onCancel(900, probe);
  t.ok(breaker.isPassable(900), 'a probe without a verdict is followed by another at once');
  t.ok(breaker.onStart());
  breaker.onProbePassed();
  t.equal(breaker.state, 'closed');
  for (let i = 0; i < 3; i++) failOnce(1000);
  t.ok(breaker.isPassable(1100), 'after a recovery it begins with the first time again');
  t.same(states.slice(0, 4), ['open', 'half-open', 'open', 'half-open']);
});
