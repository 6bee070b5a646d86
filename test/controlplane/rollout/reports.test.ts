import t, { type Test } from 'tap';
import { durationBuckets } from '../../../observability/metrics/slots.ts';
import { until } from '../../harness/until.ts';
import { type Plane, startPlane, toEcho } from '../plane.ts';
import { Sidecar } from '../sidecar.ts';

const settings = { interval: '60s', abortOn: { errorRate: 0.05, p99: '500ms' } };

/** Four sidecars of which one has version 2 of a route; the others have version 1. */
async function startRollout(t: Test) {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  await plane.call('PUT', '/v1/routes/r', toEcho);
  const sidecars = [0, 1, 2, 3].map((i) => new Sidecar(t, plane.push, `echo-${i}`));
  await until(() => sidecars.every(({ documents }) => documents.has('Route/r')));
  await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { v: '2' }, rollout: settings });
  const hasNew = ({ documents }: Sidecar) => JSON.stringify(documents.get('Route/r')).includes('"v":"2"');
  const first = await until(() => sidecars.find(hasNew));
  return { plane, first, others: sidecars.filter((sidecar) => sidecar !== first) };
}

const report = (sidecar: Sidecar, requests: number, errors: number, slow = 0, service = 'echo') => {
  const latency = durationBuckets.map(() => 0);
  latency[0] = requests - slow;
  sidecar.stream.write({
    report: { seconds: 1, services: [{ service, requests, errors, latency: [...latency, slow] }] },
  });
};

/** Sidecars report every second in here, until the rollout has the state. */
async function reportUntil(plane: Plane, state: string, send: () => void) {
  return until(
    async () => {
      send();
      const { rollout } = (await plane.call('GET', '/v1/routes/r')).body.status;
      return rollout.state === state && rollout;
    },
    { everyMs: 200 },
  );
}

t.test('errors of the sidecars that have a change take it back', async (t) => {
  const { plane, first, others } = await startRollout(t);
  const rollout = await reportUntil(plane, 'rolledBack', () => {
    report(first, 10, 5);
    for (const other of others) report(other, 50, 0);
  });
  t.match(rollout.reason, /requests \(50%\) of the sidecars that have it failed, more than 5%; elsewhere 0 of \d+/);
});

t.test('slow replies do, too', async (t) => {
  const { plane, first } = await startRollout(t);
  const rollout = await reportUntil(plane, 'rolledBack', () => report(first, 10, 0, 2));
  t.match(rollout.reason, /requests \(20%\) of the sidecars that have it took longer than 500ms/);
});

t.test('errors of other sidecars, of other services, or of everybody do not', async (t) => {
  const { plane, first, others } = await startRollout(t);
  const startMs = performance.now();
  await until(
    async () => {
      report(first, 10, 5, 0, 'unrelated');
      report(first, 10, 5);
      for (const other of others) report(other, 10, 5);
      t.equal((await plane.call('GET', '/v1/routes/r')).body.status.rollout.state, 'progressing');
      return performance.now() - startMs > 3_500;
    },
    { everyMs: 250 },
  );
});
