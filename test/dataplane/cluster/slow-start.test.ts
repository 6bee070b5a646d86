import t from 'tap';
import { warmingStepMs, warmth } from '../../../dataplane/cluster/slow-start.ts';

const near = (value: number, wanted: number) => Math.abs(value - wanted) < 1e-12;

t.test('weight rises in a straight line from its least share to the whole', async (t) => {
  const settings = { windowMs: 60_000, minWeightPercent: 10, aggression: 1 };
  for (const [activeForMs, part] of [
    [0, 0.1],
    [6000, 0.1],
    [15_000, 0.25],
    [45_000, 0.75],
    [59_999, 59_999 / 60_000],
    [60_000, 1],
    [600_000, 1],
  ] as const)
    t.ok(near(warmth(settings, activeForMs), part), `after ${activeForMs} ms`);
});

t.test('aggression bends the line: above 1 it rises sooner, below 1 later', async (t) => {
  const at = (aggression: number) => warmth({ windowMs: 60_000, minWeightPercent: 1, aggression }, 15_000);
  t.ok(near(at(2), 0.5));
  t.ok(near(at(0.5), 0.0625));
});

t.test('the first second counts as a second, as in Envoy', async (t) => {
  t.ok(near(warmth({ windowMs: 10_000, minWeightPercent: 1, aggression: 1 }, 5), 0.1));
  t.equal(warmth({ windowMs: 500, minWeightPercent: 1, aggression: 1 }, 5), 1);
});

t.test('weights are looked at again in steps of the window', async (t) => {
  t.equal(warmingStepMs({ windowMs: 60_000, minWeightPercent: 10, aggression: 1 }), 1200);
  t.equal(warmingStepMs({ windowMs: 1000, minWeightPercent: 10, aggression: 1 }), 100);
});
