import t from 'tap';
import { StoredResource } from '../../../controlplane/catalog/stored-resource.ts';
import { crowdOf, joinCrowds, thresholdOf } from '../../../controlplane/rollout/crowd.ts';
import type { Evidence } from '../../../controlplane/rollout/evidence.ts';
import { noFigures } from '../../../controlplane/rollout/figures.ts';
import { nextMove } from '../../../controlplane/rollout/next-move.ts';
import type { Rolling } from '../../../controlplane/rollout/next-state.ts';
import { objection } from '../../../controlplane/rollout/objection.ts';
import { ranks } from '../../../controlplane/rollout/sidecar-rank.ts';
import type { RolloutSettings } from '../../../shared/resources/rollout.ts';
import type { AnyResource } from '../../../shared/resources/schema.ts';

const settings: RolloutSettings = {
  steps: ['5%', '100%'],
  interval: '60s',
  abortOn: { nack: true, errorRate: 0.05, p99: '500ms' },
  minRequests: 20,
};
const state = { state: 'progressing', step: 1, percent: 5, threshold: 500, since: '', revision: 7, stable: null };

function rolling(rollout: RolloutSettings = settings): Rolling {
  const resource = {
    kind: 'Service',
    name: 'a',
    labels: {},
    spec: { protocol: 'http1' },
    rollout,
    status: { rollout: state },
  };
  return new StoredResource(resource as unknown as AnyResource, { revision: 9, created: 7, lease: null }) as Rolling;
}

const seen = (more: Partial<Evidence> = {}, isFresh = true) => ({
  evidence: {
    ...{ revision: 9, version: 7, inStep: 1, applied: 1, crowd: crowdOf([3, 900]), refusal: null },
    ...{ own: noFigures, others: noFigures },
    ...more,
  },
  isFresh,
});
const long = 60_000;

t.test('a step is over when its time is, and every sidecar of it has answered', async (t) => {
  t.same(nextMove(rolling(), [seen()], long), { to: 'advance', crowd: crowdOf([3, 900]) });
  t.same(nextMove(rolling(), [seen()], long - 1), { to: 'wait' });
  t.same(
    nextMove(rolling(), [seen(), seen({ applied: 0 })], long),
    { to: 'wait' },
    'one at another control plane has not',
  );
  t.same(nextMove(rolling(), [seen(), seen({ revision: 8 })], long), { to: 'wait' }, 'one has not seen the step yet');
  t.same(nextMove(rolling(), [seen(), seen({ revision: 8, applied: 0 }, false)], long).to, 'advance', 'one is gone');
  t.same(nextMove(rolling(), [], long), { to: 'wait' }, 'nobody has told anything yet');
});

t.test('a step without a sidecar gets one, unless there is none', async (t) => {
  const crowd = crowdOf([800, 900]);
  const empty = seen({ inStep: 0, applied: 0, crowd });
  t.same(nextMove(rolling(), [empty], 1_999), { to: 'wait' }, 'others may have some, too');
  t.same(nextMove(rolling(), [empty], 2_000), { to: 'fill', crowd });
  const nobody = seen({ inStep: 0, applied: 0, crowd: crowdOf([]) });
  t.same(nextMove(rolling(), [nobody], 0), { to: 'wait' });
  t.same(nextMove(rolling(), [nobody], long).to, 'advance');
});

t.test('a refusal of this version ends it, whoever tells of it', async (t) => {
  const refusal = { sidecar: 'a-1', error: 'no' };
  t.same(nextMove(rolling(), [seen(), seen({ refusal }, false)], 0), {
    to: 'rollBack',
    reason: 'sidecar a-1 refused it: no',
  });
  t.same(nextMove(rolling(), [seen({ refusal, version: 6, revision: 6 }, false), seen()], long).to, 'advance');
  const patient = rolling({ ...settings, abortOn: { ...settings.abortOn, nack: false } });
  t.same(nextMove(patient, [seen({ refusal })], long).to, 'advance');
});

t.test('figures of several control planes are one, those of an earlier step are not of this one', async (t) => {
  const own = { requests: 10, errors: 10, slow: 0 };
  t.same(nextMove(rolling(), [seen({ own })], 0), { to: 'wait' }, 'too few');
  t.match(nextMove(rolling(), [seen({ own }), seen({ own })], 0), { to: 'rollBack', reason: /^20 of 20 requests/ });
  t.same(nextMove(rolling(), [seen({ own }), seen({ own, revision: 8 }, false)], 0), { to: 'wait' });
});

t.test('what ails the other sidecars as well is not the fault of the new version', async (t) => {
  const figures = (requests: number, errors: number, slow = 0) => ({ requests, errors, slow });
  const judge = (own: ReturnType<typeof figures>, others = noFigures) => objection(settings, own, others);
  t.match(
    judge(figures(100, 6)),
    /^6 of 100 requests \(6%\) of the sidecars that have it failed, more than 5%; elsewhere there were none$/,
  );
  t.equal(judge(figures(100, 5)), null);
  t.equal(judge(figures(19, 19)), null);
  t.equal(judge(figures(100, 20), figures(1_000, 200)), null);
  t.equal(judge(figures(100, 22), figures(1_000, 200)), null, 'chance explains it');
  t.match(judge(figures(100, 40), figures(1_000, 200)), /elsewhere 200 of 1000 requests \(20%\)/);
  t.match(judge(figures(100, 20), figures(19, 4)), /failed/, 'too few to compare with');
  t.match(judge(figures(100, 0, 2)), /took longer than 500ms, more than 1%/);
  t.equal(judge(figures(100, 0, 1)), null);
  t.equal(judge(figures(100, 0, 3), figures(1_000, 0, 30)), null);
});

t.test('a few sidecars are counted off, many go by their ranks', async (t) => {
  const few = crowdOf([70, 10, 40, 20]);
  for (const [percent, threshold] of [
    [1, 11],
    [50, 21],
    [75, 41],
    [99, 41],
    [100, ranks],
  ] as const)
    t.equal(thresholdOf(percent, few), threshold, `${percent}%`);
  t.equal(thresholdOf(5, crowdOf([])), 0);
  const many = crowdOf(Array.from({ length: 5_000 }, (_, i) => i * 2));
  t.equal(many.lowestRanks.length, 100);
  t.equal(thresholdOf(2, many), 199);
  t.equal(thresholdOf(25, many), 2_500);
  t.same(joinCrowds([crowdOf([5, 1]), crowdOf([3])]), { count: 3, lowestRanks: [1, 3, 5] });
});
