import t from 'tap';
import { LatencyEstimate } from '../../../dataplane/cluster/latency-estimate.ts';

const settings = { decayMs: 10_000, defaultMs: 10, failurePenaltyMs: 5000 };
const isNear = (value: number, wanted: number) => Math.abs(value - wanted) < wanted * 1e-9;

t.test('an estimate is a guess until the first reply, which replaces it', async (t) => {
  const estimate = new LatencyEstimate(settings, 0);
  t.equal(estimate.at(0), 10);
  estimate.onReply(2, 500);
  t.equal(estimate.at(500), 2);
  t.ok(estimate.isMeasured);
});

t.test('a slower reply counts at once, quicker ones little by little', async (t) => {
  const estimate = new LatencyEstimate(settings, 0);
  estimate.onReply(10, 0);
  estimate.onReply(300, 0);
  t.equal(estimate.at(0), 300);
  estimate.onReply(20, 10_000);
  t.ok(isNear(estimate.at(10_000), 300 / Math.E + 20 * (1 - 1 / Math.E)));
});

t.test('silence makes the estimate fall, but not to nothing, and what was seen last is kept', async (t) => {
  const estimate = new LatencyEstimate(settings, 0);
  estimate.onReply(300, 0);
  t.ok(isNear(estimate.at(20_000), 300 / Math.E ** 2));
  t.equal(estimate.at(3_600_000), 0.1);
  t.equal(estimate.lastMs, 300);
});

t.test('failures count by their share of the time, so that a rare one costs little', async (t) => {
  const estimate = new LatencyEstimate(settings, 0);
  estimate.onReply(10, 0);
  for (let nowMs = 10; nowMs <= 100_000; nowMs += 10)
    if (nowMs % 1000 === 0) estimate.onFailure(1, nowMs);
    else estimate.onReply(10, nowMs);
  t.ok(estimate.at(100_000) > 50 && estimate.at(100_000) < 70, `1 % of 5 s and 10 ms: ${estimate.at(100_000)}`);
  for (let nowMs = 100_010; nowMs <= 200_000; nowMs += 10) estimate.onFailure(1, nowMs);
  t.ok(estimate.at(200_000) > 4900 && estimate.at(200_000) <= 5000);
});

t.test('an endpoint that only fails costs several times its latency after a twentieth of a second', async (t) => {
  const estimate = new LatencyEstimate(settings, 0);
  estimate.onReply(10, 0);
  for (let nowMs = 10; nowMs <= 50; nowMs += 10) estimate.onFailure(0.5, nowMs);
  t.ok(estimate.at(50) > 30, `${estimate.at(50)} ms`);
});

t.test('a failure that took longer than the penalty counts by its time', async (t) => {
  const estimate = new LatencyEstimate(settings, 0);
  estimate.onFailure(60_000, 1_000_000);
  t.ok(isNear(estimate.at(1_000_000), 60_000));
});
