import t from 'tap';
import { Rule, type RuleBackend } from '../../../dataplane/pipeline/rule.ts';
import { RuleTrial } from '../../../dataplane/pipeline/rule-trial.ts';
import { breakerAt } from '../harness/breaker-at.ts';

/** A rule only hands its backends on, so names do for them. */
const backend = (name: string) => name as unknown as RuleBackend;

t.test('shares miss their weights by less than a percentage point over 10,000 requests', async (t) => {
  for (const weights of [
    [1, 1],
    [90, 10],
    [99, 1],
    [1, 2, 3, 4],
    [1, 1, 1, 1, 1, 1, 1],
    [1_000_000, 1],
  ])
    for (const start of [0, 0.25, 0.999]) {
      const rule = new Rule(
        'r',
        weights.map((weight, i) => ({ backend: backend(`${i}`), weight })),
        start,
      );
      const seen = weights.map(() => 0);
      for (let i = 0; i < 10_000; i++) seen[Number(rule.pickBackend())]! += 1;
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const misses = weights.map((weight, i) => Math.abs((weight / total) * 10_000 - seen[i]!));
      t.ok(Math.max(...misses) < 20, `${weights} from ${start}: ${seen}`);
    }
});

t.test('a backend of weight 0 gets nothing, and no backend is null', async (t) => {
  const rule = new Rule(
    'r',
    [
      { backend: backend('a'), weight: 0 },
      { backend: backend('b'), weight: 3 },
    ],
    0,
  );
  for (let i = 0; i < 10; i++) t.equal(rule.pickBackend(), 'b');
  t.equal(new Rule('r', [], 0).pickBackend(), null);
  t.equal(new Rule('r', [{ backend: backend('a'), weight: 0 }], 0).pickBackend(), null);
  t.equal(new Rule('r', [{ backend: null, weight: 1 }], 0).pickBackend(), null);
});

t.test('a rule sends what its breaker does not let through elsewhere, and hears of the rest', async (t) => {
  const breaker = breakerAt({ consecutiveFailures: 1 });
  const guard = { breaker, cutOff: backend('nowhere') };
  const rule = new Rule('r', [{ backend: backend('a'), weight: 1 }], 0, { guard });
  const ask = (nowMs: number, pinned: RuleBackend | null = null) => {
    const trial = new RuleTrial();
    return { trial, went: rule.admit(trial, pinned, nowMs) };
  };
  const first = ask(0);
  t.equal(first.went, 'a');
  first.trial.onFailure('failure');
  first.trial.onTry();
  first.trial.end(0);
  t.equal(breaker.state, 'closed', 'another try made up for it');
  const second = ask(0);
  second.trial.onFailure('failure');
  second.trial.onPassedOn(0);
  t.equal(breaker.state, 'open');
  t.equal(second.trial.cause, 'consecutive_failures');
  second.trial.end(0);
  t.equal(second.trial.cause, null, 'the next request has changed nothing');
  const cut = ask(99);
  t.equal(cut.went, 'nowhere');
  cut.trial.onFailure('failure');
  cut.trial.end(99);
  const probe = ask(100);
  t.equal(probe.went, 'a');
  t.equal(ask(100).went, 'nowhere');
  probe.trial.end(100);
  const another = ask(100);
  t.equal(another.went, 'a', 'a probe that came to nothing is followed by another');
  another.trial.onReply(100);
  t.equal(breaker.state, 'closed');
  t.equal(ask(100, backend('b')).went, 'b', 'as its session asks');
});
