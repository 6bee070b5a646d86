import t from 'tap';
import { type BreakerCause, stateAfter } from '../../../dataplane/cluster/breaker/breaker.ts';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { LatencyEstimate } from '../../../dataplane/cluster/latency-estimate.ts';
import { OutlierDetector } from '../../../dataplane/cluster/outlier/outlier-detector.ts';
import { Attempt } from '../../../dataplane/pipeline/attempt.ts';
import { outlierSettings } from '../../../dataplane/snapshot/balancing-settings.ts';
import type { PolicySpec } from '../../../shared/resources/policy.ts';
import { breakerAt } from '../harness/breaker-at.ts';
import { policy } from '../harness/resources.ts';

const ignore = () => undefined;

/** An endpoint that breaker, outlier detection and latency are kept of, and a try at it. */
function tryAt() {
  const { outlierDetection } = policy('app', { outlierDetection: { splitLocalOriginErrors: true } }).spec as PolicySpec;
  const settings = outlierSettings(outlierDetection!, 1);
  const endpoint = new Endpoint('app-0', '127.0.0.1', 1, {});
  const observer = { onDetected: ignore, onEjected: ignore, onCount: ignore };
  new OutlierDetector(settings, observer, () => 0, 0).follow([endpoint], settings);
  endpoint.latency = new LatencyEstimate({ decayMs: 1000, defaultMs: 10, failurePenaltyMs: 5000 }, 0);
  let failures = 0;
  const onTransition = (cause: BreakerCause) => {
    if (stateAfter[cause] === 'open') failures++;
  };
  endpoint.breaker = breakerAt({ consecutiveFailures: 1, openForMs: 0 }, { onTransition });
  const attempt = new Attempt<Endpoint>();
  attempt.begin(endpoint, 0);
  /** What was said of the try: failures to the breaker, successes and all to the detector by origin. */
  const verdicts = () => {
    const { external, local } = endpoint.outlier!;
    const of = ({ successes, total }: { successes: number; total: number }) => `${successes}/${total}`;
    return { failures, external: of(external), local: of(local), inFlight: endpoint.inFlight };
  };
  return { endpoint, attempt, verdicts };
}

t.test('a whole reply is one success, measured up to its head', async (t) => {
  const { endpoint, attempt, verdicts } = tryAt();
  attempt.onStatus(200, 20);
  t.same(verdicts(), { failures: 0, external: '0/0', local: '0/0', inFlight: 1 }, 'not before it is whole');
  attempt.onWhole(9000);
  attempt.end(false, 9000);
  t.same(verdicts(), { failures: 0, external: '1/1', local: '1/1', inFlight: 0 });
  t.equal(endpoint.latency!.lastMs, 20);
});

t.test('a 5xx is one failure, whether or not it comes whole', async (t) => {
  for (const isWhole of [true, false]) {
    const { attempt, verdicts } = tryAt();
    attempt.onStatus(503, 20);
    if (isWhole) attempt.onWhole(30);
    attempt.end(!isWhole, 30);
    t.same(verdicts(), { failures: 1, external: '0/1', local: '1/1', inFlight: 0 });
  }
});

t.test('a status in the last fields of a reply counts in place of the one of its head, in either order', async (t) => {
  for (const statuses of [
    [200, 503],
    [503, 200],
  ]) {
    const { attempt, verdicts } = tryAt();
    for (const status of statuses) attempt.onStatus(status, 20);
    attempt.onWhole(30);
    attempt.end(false, 30);
    t.same(verdicts(), { failures: 1, external: '0/1', local: '1/1', inFlight: 0 }, `${statuses}`);
  }
});

t.test('without a status a failure is one of our own side', async (t) => {
  const { attempt, verdicts } = tryAt();
  attempt.end(true, 1000);
  t.same(verdicts(), { failures: 1, external: '0/0', local: '0/1', inFlight: 0 });
});

t.test('a try that is given up says nothing', async (t) => {
  const { endpoint, attempt, verdicts } = tryAt();
  attempt.end(false, 1000);
  t.same(verdicts(), { failures: 0, external: '0/0', local: '0/0', inFlight: 0 });
  t.notOk(endpoint.latency!.isMeasured);
});

t.test('too many requests make an endpoint dearer, but are no failure of it', async (t) => {
  const { endpoint, attempt, verdicts } = tryAt();
  attempt.onStatus(429, 100);
  attempt.onWhole(100);
  attempt.end(false, 100);
  t.same(verdicts(), { failures: 0, external: '1/1', local: '1/1', inFlight: 0 });
  t.ok(endpoint.latency!.lastMs > 100);
});

t.test('a tunnel is a success as soon as it is there', async (t) => {
  const { attempt, verdicts } = tryAt();
  attempt.onUpgrade(20);
  t.equal(verdicts().external, '1/1');
  attempt.end(true, 1000);
  t.same(verdicts(), { failures: 0, external: '1/1', local: '1/1', inFlight: 0 });
});
