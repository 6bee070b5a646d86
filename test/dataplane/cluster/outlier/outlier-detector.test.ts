import t from 'tap';
import { Endpoint } from '../../../../dataplane/cluster/endpoint.ts';
import { OutlierDetector } from '../../../../dataplane/cluster/outlier/outlier-detector.ts';
import type { OutlierReason, OutlierSettings } from '../../../../dataplane/cluster/outlier/outlier-settings.ts';
import { seededRandom } from '../../../harness/seeded-random.ts';

const defaults: OutlierSettings = {
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 10,
  alwaysEjectOne: true,
  splitsLocalOrigin: false,
  consecutive5xx: 5,
  consecutiveGatewayErrors: 5,
  consecutiveLocalOriginFailures: 5,
  successRate: { stdevFactor: 1900, minimumHosts: 5, requestVolume: 100 },
  failurePercentage: { threshold: 85, minimumHosts: 5, requestVolume: 50 },
  enforcingPercent: {
    consecutive_5xx: 100,
    consecutive_gateway_errors: 0,
    consecutive_local_origin_failures: 100,
    success_rate: 100,
    failure_percentage: 0,
    local_origin_success_rate: 100,
    local_origin_failure_percentage: 0,
  },
};

/** What is enforced, over the defaults. */
const enforcing = (reason: OutlierReason, percent: number) => ({ ...defaults.enforcingPercent, [reason]: percent });

function watch(count: number, changed: Partial<OutlierSettings> = {}) {
  const settings = { ...defaults, ...changed };
  const endpoints = Array.from({ length: count }, (_, i) => new Endpoint(`e-${i}`, '127.0.0.1', i + 1, {}));
  const detected: OutlierReason[] = [];
  const ejections: OutlierReason[] = [];
  const counts: number[] = [];
  const detector = new OutlierDetector(
    settings,
    {
      onDetected: (reason) => detected.push(reason),
      onEjected: (reason) => ejections.push(reason),
      onCount: (ejected) => counts.push(ejected),
    },
    seededRandom(),
    0,
  );
  detector.follow(endpoints, settings);
  const reply = (place: number, status: number, times = 1, nowMs = 0) => {
    for (let i = 0; i < times; i++) endpoints[place]!.outlier!.onStatus(status, nowMs);
  };
  const fail = (place: number, times: number, nowMs = 0) => {
    for (let i = 0; i < times; i++) endpoints[place]!.outlier!.onLocalOriginFailure(nowMs);
  };
  const ejected = () => endpoints.filter(({ isEjected }) => isEjected).map(({ name }) => name);
  return { endpoints, detector, settings, detected, ejections, counts, reply, fail, ejected };
}

t.test('five 5xx in a row eject an endpoint, whatever came in between does not', async (t) => {
  const { reply, ejected, ejections, counts } = watch(10);
  reply(0, 500, 4);
  reply(0, 404);
  reply(0, 501, 4);
  t.same(ejected(), []);
  reply(0, 500);
  t.same(ejected(), ['e-0']);
  t.same(ejections, ['consecutive_5xx']);
  t.equal(counts.at(-1), 1);
});

t.test('gateway errors have a run of their own, which other 5xx break', async (t) => {
  const run = watch(10, {
    consecutive5xx: Number.POSITIVE_INFINITY,
    enforcingPercent: enforcing('consecutive_gateway_errors', 100),
  });
  run.reply(0, 503, 4);
  run.reply(0, 500);
  run.reply(0, 502, 4);
  t.same(run.ejected(), []);
  run.reply(0, 504);
  t.same(run.ejections, ['consecutive_gateway_errors']);
});

t.test('what is not enforced is only told', async (t) => {
  const run = watch(10, { enforcingPercent: enforcing('consecutive_5xx', 0) });
  run.reply(0, 503, 10);
  t.same(run.ejected(), []);
  t.same(run.detected, [
    'consecutive_gateway_errors',
    'consecutive_5xx',
    'consecutive_gateway_errors',
    'consecutive_5xx',
  ]);
});

t.test('a share is enforced by chance', async (t) => {
  const run = watch(1000, { maxEjectionPercent: 100, enforcingPercent: enforcing('consecutive_5xx', 30) });
  for (let place = 0; place < 1000; place++) run.reply(place, 500, 5);
  t.ok(Math.abs(run.ejections.length - 300) < 50, `${run.ejections.length} of 1000`);
});

t.test('failures of our own count as gateway errors, or by themselves where they are split', async (t) => {
  const joined = watch(10);
  joined.fail(0, 3);
  joined.reply(0, 500, 2);
  t.same(joined.ejections, ['consecutive_5xx']);
  const split = watch(10, { splitsLocalOrigin: true });
  split.fail(0, 4);
  split.reply(0, 500, 4);
  split.fail(0, 4);
  t.same(split.ejected(), [], 'a reply, even a 500, shows that the endpoint can be reached');
  split.fail(0, 1);
  t.same(split.ejections, ['consecutive_local_origin_failures']);
});

t.test(
  'an ejection lasts the base time times the number of ejections, up to a bound, and ends with an interval',
  async (t) => {
    const { endpoints, detector, reply } = watch(10, { maxEjectionMs: 100_000 });
    let nowMs = 0;
    const lasted = () => {
      reply(0, 500, 5, nowMs);
      const fromMs = nowMs;
      while (endpoints[0]!.isEjected) {
        nowMs += 10_000;
        detector.advance(nowMs);
      }
      return nowMs - fromMs;
    };
    t.same([lasted(), lasted(), lasted(), lasted(), lasted()], [30_000, 60_000, 90_000, 100_000, 100_000]);
    for (let i = 1; i <= 4; i++) detector.advance(nowMs + i * 10_000);
    nowMs += 40_000;
    t.equal(lasted(), 30_000, 'intervals in service take the number back');
  },
);

t.test('a longer base than bound is its own bound', async (t) => {
  const { endpoints, detector, reply } = watch(10, { baseEjectionMs: 50_000, maxEjectionMs: 20_000 });
  reply(0, 500, 5);
  detector.advance(40_000);
  t.ok(endpoints[0]!.isEjected);
  detector.advance(50_000);
  t.notOk(endpoints[0]!.isEjected);
  t.equal(endpoints[0]!.activeSinceMs, 50_000, 'it begins slowly, where slow start is asked for');
});

t.test('runs begin anew after an ejection', async (t) => {
  const { detector, reply, ejected } = watch(10);
  reply(0, 500, 9);
  detector.advance(30_000);
  t.same(ejected(), []);
  reply(0, 500, 4, 30_000);
  t.same(ejected(), []);
});

t.test('a passed health check ends an ejection with the interval', async (t) => {
  const { endpoints, detector, reply, ejected } = watch(10);
  reply(0, 500, 5);
  endpoints[0]!.setHealthy(false, 1000);
  detector.advance(10_000);
  t.same(ejected(), ['e-0']);
  endpoints[0]!.setHealthy(true, 12_000);
  detector.advance(20_000);
  t.same(ejected(), []);
});

t.test('no more than the percentage are ejected, but always one', async (t) => {
  const failAll = (count: number, settings: Partial<OutlierSettings>) => {
    const run = watch(count, settings);
    for (let place = 0; place < count; place++) run.reply(place, 500, 5);
    return run.ejected().length;
  };
  t.equal(failAll(10, {}), 1);
  t.equal(failAll(25, {}), 2);
  t.equal(failAll(4, {}), 1);
  t.equal(failAll(4, { alwaysEjectOne: false }), 0);
  t.equal(failAll(10, { alwaysEjectOne: false }), 1);
  t.equal(failAll(4, { maxEjectionPercent: 50 }), 2);
  t.equal(failAll(3, { maxEjectionPercent: 100 }), 3);
});

/** Lets each endpoint have 100 requests, so many of which succeed. */
function replyRates(run: ReturnType<typeof watch>, rates: readonly number[], nowMs: number): void {
  rates.forEach((rate, place) => {
    for (let i = 0; i < 100; i++) run.reply(place, i % 100 < rate ? 200 : 500, 1, nowMs);
  });
}
const noRuns = { consecutive5xx: Number.POSITIVE_INFINITY, consecutiveGatewayErrors: Number.POSITIVE_INFINITY };

t.test('a success rate that is 1.9 standard deviations below the mean ejects', async (t) => {
  const run = watch(6, noRuns);
  // Mean 95, deviation 11.18: the bound is 73.75.
  replyRates(run, [100, 100, 100, 100, 100, 70], 0);
  t.same(run.ejected(), [], 'not before the interval is over');
  t.equal(run.detector.advance(9999), 10_000);
  run.detector.advance(10_000);
  t.same(run.ejected(), ['e-5']);
  t.same(run.ejections, ['success_rate']);
});

t.test('success rates are compared within one interval, of enough endpoints with enough requests', async (t) => {
  const few = watch(4, noRuns);
  replyRates(few, [100, 100, 100, 0], 0);
  few.detector.advance(10_000);
  t.same(few.ejected(), [], 'four are not enough');
  const idle = watch(6, noRuns);
  replyRates(idle, [100, 100, 100, 100, 100], 0);
  idle.reply(5, 500, 99);
  idle.detector.advance(10_000);
  t.same(idle.ejected(), [], '99 requests are not enough');
  const twice = watch(6, noRuns);
  replyRates(twice, [100, 100, 100, 100, 100], 0);
  twice.reply(5, 500, 60);
  twice.detector.advance(10_000);
  twice.reply(5, 500, 60, 10_000);
  twice.detector.advance(20_000);
  t.same(twice.ejected(), [], 'those of the interval before are forgotten');
});

t.test('an endpoint that is away has no part in the mean', async (t) => {
  const run = watch(6, { ...noRuns, consecutive5xx: 100 });
  replyRates(run, [100, 100, 100, 100, 90, 0], 0);
  t.same(run.ejected(), ['e-5'], 'its hundred failures in a row');
  run.detector.advance(10_000);
  t.same(run.detected, ['consecutive_5xx', 'success_rate'], 'mean 98, deviation 4: the bound is 90.4');
});

t.test('a failure percentage ejects where it is enforced', async (t) => {
  const percents = (settings: Partial<OutlierSettings>) => {
    const run = watch(5, { ...noRuns, maxEjectionPercent: 100, ...settings });
    replyRates(run, [15, 16, 100, 0, 50], 0);
    run.detector.advance(10_000);
    return run;
  };
  t.same(percents({}).ejected(), []);
  t.same(percents({}).detected, ['failure_percentage', 'failure_percentage']);
  const enforced = percents({ enforcingPercent: enforcing('failure_percentage', 100) });
  t.same(enforced.ejected(), ['e-0', 'e-3']);
});

t.test('failures of our own have rates of their own where they are split', async (t) => {
  const run = watch(6, { ...noRuns, splitsLocalOrigin: true, consecutiveLocalOriginFailures: 1000 });
  for (let place = 0; place < 5; place++) run.reply(place, 200, 100);
  run.reply(5, 200, 40);
  run.fail(5, 60);
  run.detector.advance(10_000);
  t.same(run.ejections, ['local_origin_success_rate']);
});

t.test('who leaves is no longer counted, who stays is remembered, and in the end all are in service', async (t) => {
  const { endpoints, detector, settings, reply, ejected, counts } = watch(4, { maxEjectionPercent: 50 });
  reply(0, 500, 5);
  reply(1, 500, 5);
  detector.follow(endpoints.slice(1), settings);
  t.equal(counts.at(-1), 1);
  t.ok(endpoints[1]!.isEjected);
  reply(2, 500, 5);
  t.notOk(endpoints[2]!.isEjected, 'two of three would be too many');
  detector.retire(1000);
  t.same(ejected(), ['e-0'], 'the one that left is nobody’s business');
  t.equal(counts.at(-1), 0);
  t.equal(endpoints[1]!.outlier, null);
});
