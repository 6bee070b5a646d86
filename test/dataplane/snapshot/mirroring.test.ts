import t from 'tap';
import type { MirrorTarget } from '../../../dataplane/pipeline/mirror-target.ts';
import { Rule, type RuleBackend } from '../../../dataplane/pipeline/rule.ts';
import type { CompileContext } from '../../../dataplane/snapshot/compile.ts';
import { compileMirrors } from '../../../dataplane/snapshot/mirroring.ts';
import { newSlotMemory, SlotTable } from '../../../observability/metrics/slots.ts';
import type { Mirror } from '../../../shared/resources/mirror.ts';

const context = {
  metrics: new SlotTable(newSlotMemory(), () => undefined),
  random: () => 321,
} as unknown as CompileContext;
const rule = { route: 'r', name: 'r/0' };

function compile(mirrors: readonly Partial<Mirror>[], maxStreamMs = 0): readonly MirrorTarget[] {
  const backend = {
    retry: { attempts: 2, onStale: true, grpcStatuses: new Set([14]) },
    timeouts: { requestMs: 3, perTryMs: 5, idleMs: 7, maxStreamMs },
  } as unknown as RuleBackend;
  const whole = mirrors.map((mirror) => ({ service: 'shadow', percent: 100, compare: false, ...mirror }));
  return compileMirrors(whole, rule, ({ service }) => (service === 'gone' ? null : backend), context);
}

t.test('mirrors draw within a tenth of a percentage point over 10,000 requests', async (t) => {
  for (const percent of [100, 99.9, 75, 50, 33.3, 10, 1, 0.5, 0.01])
    for (const [place, target] of compile(new Array(4).fill({ percent })).entries()) {
      let drawn = 0;
      for (let i = 0; i < 10_000; i++) if (target.draw()) drawn++;
      t.ok(Math.abs(drawn - percent * 100) <= 10, `${percent} % in place ${place}: ${drawn}`);
    }
});

t.test('what one mirror draws says nothing of what the next one draws, or of the backend', async (t) => {
  const targets = compile(new Array(4).fill({ percent: 50 }));
  const backends = ['a', 'b'].map((name) => ({ backend: name as unknown as RuleBackend, weight: 1 }));
  const weights = new Rule('r', backends, 0);
  const together = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const drawn = [...targets.map((target) => target.draw()), (weights.pickBackend() as unknown) === 'a'];
    for (let one = 0; one < drawn.length; one++)
      for (let other = 0; other < one; other++)
        if (drawn[one] && drawn[other]) together.set(`${other} ${one}`, (together.get(`${other} ${one}`) ?? 0) + 1);
  }
  t.equal(together.size, 10);
  for (const [pair, count] of together) t.ok(Math.abs(count - 2500) < 100, `${pair}: ${count}`);
});

t.test('nothing is copied for 0 percent, or to a service that is not there', async (t) => {
  t.strictSame(compile([{ percent: 0 }, { service: 'gone' }]), []);
  t.strictSame(compile([]), []);
});

t.test('a copy is sent once, and ends after a minute at the latest', async (t) => {
  for (const [policyMs, maxStreamMs] of [
    [0, 60_000],
    [1000, 1000],
    [3_600_000, 60_000],
  ] as const) {
    const { backend } = compile([{}], policyMs)[0]!;
    t.match(backend.timeouts, { requestMs: 3, perTryMs: 5, idleMs: 7, maxStreamMs });
    t.match(backend.retry, { attempts: 0, onStale: false });
    t.equal(backend.retry.grpcStatuses.size, 0);
  }
});
