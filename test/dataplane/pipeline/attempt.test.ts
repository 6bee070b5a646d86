import t from 'tap';
import { type BreakerCause, stateAfter } from '../../../dataplane/cluster/breaker/breaker.ts';
import { Endpoint } from '../../../dataplane/cluster/endpoint.ts';
import { LatencyEstimate } from '../../../dataplane/cluster/latency-estimate.ts';
import { OutlierDetector } from '../../../dataplane/cluster/outlier/outlier-detector.ts';
import { Attempt } from '../../../dataplane/pipeline/attempt.ts';
import { RuleTrial } from '../../../dataplane/pipeline/rule-trial.ts';
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

t.test('a call of gRPC proves nothing by its head, but by its first message or its status', async (t) => {
  for (const [what, prove] of [
    ['a message', (attempt: Attempt<Endpoint>) => attempt.onBody(20)],
    ['a good status', (attempt: Attempt<Endpoint>) => attempt.onStatus(200, 20)],
    ['its end', (attempt: Attempt<Endpoint>) => attempt.onWhole(20)],
  ] as const) {
    const { endpoint, attempt } = tryAt();
    attempt.end(true, 0); // opens the breaker
    attempt.begin(endpoint, 0);
    t.equal(endpoint.breaker!.state, 'half-open');
    attempt.onHead(200, 10, true);
    t.equal(endpoint.latency!.lastMs > 0, true);
    t.equal(endpoint.breaker!.state, 'half-open');
    prove(attempt);
    t.equal(endpoint.breaker!.state, 'closed', what);
    t.equal(attempt.breakerCause, 'probe_passed');
  }
});

t.test('the breaker of a rule hears of the try whose outcome the caller gets', async (t) => {
  const breaker = breakerAt({ consecutiveFailures: 1 });
  const trial = new RuleTrial();
  const first = new Attempt<Endpoint>(trial);
  const second = new Attempt<Endpoint>();
  const endpoint = new Endpoint('app-0', '127.0.0.1', 1, {});
  trial.begin(breaker);
  first.begin(endpoint, 0);
  second.begin(endpoint, 0);
  first.onStatus(503, 0);
  second.join(trial);
  first.end(true, 0);
  second.onHead(200, 10, true);
  trial.onPassedOn(10);
  t.equal(breaker.state, 'closed');
  second.end(true, 10);
  trial.end(10);
  t.equal(breaker.state, 'open', 'it broke off');
});
