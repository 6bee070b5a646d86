import t, { type Test } from 'tap';
import { rankOf } from '../../../controlplane/rollout/sidecar-rank.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { echo, type Plane, startPlane, toEcho } from '../plane.ts';
import { Sidecar } from '../sidecar.ts';

const route = (v: string, rollout: object | null = { interval: '1s' }) => ({
  ...toEcho,
  labels: { v },
  ...(rollout ? { rollout } : {}),
});
const versions = (sidecars: readonly Sidecar[]) =>
  sidecars.map(({ documents }) => {
    const document = documents.get('Route/r') as { labels?: { v?: string } } | undefined;
    return document?.labels?.v ?? null;
  });
const stateOf = async (plane: Plane) => (await plane.call('GET', '/v1/routes/r')).body.status.rollout;
const isIn = async (plane: Plane, state: string) => {
  const found = await stateOf(plane);
  return found?.state === state && found;
};

async function startSidecars(t: Test, plane: Plane, count: number): Promise<Sidecar[]> {
  await plane.call('PUT', '/v1/services/echo', {});
  const sidecars = Array.from({ length: count }, (_, i) => new Sidecar(t, plane.push, `echo-${i}`));
  await until(() => sidecars.every(({ documents }) => documents.has('Service/echo')));
  return sidecars;
}

t.test('a change reaches one sidecar of three first, then a share, then all', async (t) => {
  const plane = await startPlane(t);
  const sidecars = await startSidecars(t, plane, 3);
  await plane.call('PUT', '/v1/routes/r', route('1', null));
  await until(() => versions(sidecars).every((v) => v === '1'));
  const put = await plane.call('PUT', '/v1/routes/r', route('2'));
  t.match(put.body, { labels: { v: '2' }, status: { rollout: { state: 'progressing', step: 1, percent: 5 } } });
  await until(() => versions(sidecars).filter((v) => v === '2').length === 1);
  t.equal((await stateOf(plane)).step, 1, 'a step of a small mesh has one sidecar');
  const { body } = await plane.call('GET', `/v1/rollouts/${put.body.revision}`);
  t.match(body, {
    state: 'progressing',
    summary: /Route\/r for 5% of the sidecars/,
    resources: [{ rollout: { step: 1 } }],
  });
  await until(() => isIn(plane, 'done'));
  await until(() => versions(sidecars).every((v) => v === '2'));
  const steps = plane.logged.filter((line) => line.startsWith('a rollout goes on'));
  t.equal(steps.length, 2);
  const done = await plane.call('GET', `/v1/rollouts/${put.body.revision}`);
  t.match(done.body, { state: 'applied', summary: 'applied 3/3' });
  t.match((await plane.call('GET', '/metrics')).body, /meshlane_rollouts_total\{outcome="done"\} 1/);
});

t.test('sidecars see neither rollout nor status, and get a version once', async (t) => {
  const plane = await startPlane(t);
  const [sidecar] = await startSidecars(t, plane, 1);
  await plane.call('PUT', '/v1/routes/r', route('1'));
  await until(() => isIn(plane, 'done'));
  const document = sidecar!.documents.get('Route/r')!;
  t.same(Object.keys(document).sort(), ['kind', 'labels', 'name', 'revision', 'spec', 'status']);
  t.same(Object.keys((document as unknown as { status: object }).status), ['created']);
  const revisions = sidecar!.updates.flatMap(({ resources }) =>
    resources.filter(({ key }) => key.name === 'r').map(({ revision }) => revision),
  );
  t.equal(new Set(revisions).size, 1);
});

t.test('a refusal takes the change back, and the resource says who refused it and why', async (t) => {
  const plane = await startPlane(t);
  const sidecars = await startSidecars(t, plane, 6);
  await plane.call('PUT', '/v1/routes/r', route('1', null));
  for (const sidecar of sidecars)
    sidecar.autoAck = ({ resources }) =>
      resources
        .filter(({ document }) => document.includes('"v":"2"'))
        .map(({ key, revision }) => ({ key, revision, error: 'no thanks' }));
  const put = await plane.call('PUT', '/v1/routes/r', route('2', { interval: '60s' }));
  const rollout = await until(() => isIn(plane, 'rolledBack'));
  t.match(rollout, {
    step: 1,
    reason: /^sidecar echo-\d refused it: no thanks$/,
    failed: { labels: { v: '2' }, revision: put.body.revision },
    isRestored: true,
  });
  t.match((await plane.call('GET', '/v1/routes/r')).body, { labels: { v: '1' } });
  await until(() => versions(sidecars).every((v) => v === '1'));
  const got = sidecars.filter(({ updates }) =>
    updates.some(({ resources }) => resources.some(({ revision }) => revision === put.body.revision)),
  );
  t.equal(got.length, 1, 'the others never had it');
  t.match((await plane.call('GET', `/v1/rollouts/${put.body.revision}`)).body, { state: 'rejected' });
  const { body: history } = await plane.call('GET', '/v1/history?limit=1');
  t.match(history.items[0], { by: 'rollout', summary: 'changed Route/r', note: /refused it: no thanks/ });
  t.ok(plane.logged.some((line) => line.startsWith('a rollout was taken back')));
  t.match((await plane.call('GET', '/metrics')).body, /meshlane_rollouts_total\{outcome="rolledBack"\} 1/);
  t.equal(
    (await plane.call('PUT', '/v1/routes/r', route('2', { interval: '60s' }))).body.status.rollout.state,
    'progressing',
    'it may be tried again',
  );
});

t.test('a refusal of a new resource leaves no sidecar with it', async (t) => {
  const plane = await startPlane(t);
  const sidecars = await startSidecars(t, plane, 2);
  for (const sidecar of sidecars)
    sidecar.autoAck = ({ resources }) => resources.map(({ key, revision }) => ({ key, revision, error: 'no' }));
  await plane.call('PUT', '/v1/routes/r', route('1'));
  t.match(await until(() => isIn(plane, 'rolledBack')), { isRestored: false });
  await until(() => versions(sidecars).every((v) => v === null));
  t.match((await plane.call('PUT', '/v1/routes/r', route('1'))).body, {
    status: { rollout: { state: 'progressing' } },
  });
});

t.test('a write meanwhile starts anew, and going back to what was ends the rollout', async (t) => {
  const plane = await startPlane(t);
  const sidecars = await startSidecars(t, plane, 4);
  const first = await plane.call('PUT', '/v1/routes/r', route('1', null));
  const held = { interval: '60s', steps: ['50%', '100%'] };
  await plane.call('PUT', '/v1/routes/r', route('2', held));
  await until(() => versions(sidecars).includes('2'));
  const { body: third } = await plane.call('PUT', '/v1/routes/r', route('3', held));
  t.match(third.status.rollout, { step: 1, stable: { labels: { v: '1' }, revision: first.body.revision } });
  await until(() => versions(sidecars).includes('3') && !versions(sidecars).includes('2'));
  t.ok(versions(sidecars).includes('1'));
  await plane.call('POST', '/v1/rollback', { revision: first.body.revision });
  await until(() => versions(sidecars).every((v) => v === '1'));
  t.notOk((await plane.call('GET', '/v1/routes/r')).body.status.rollout);
});

t.test('without the field a write reaches all at once, and removing does', async (t) => {
  const plane = await startPlane(t);
  const sidecars = await startSidecars(t, plane, 4);
  await plane.call('PUT', '/v1/routes/r', route('1', null));
  await plane.call('PUT', '/v1/routes/r', route('2', { interval: '60s' }));
  await plane.call('PUT', '/v1/routes/r', route('3', null));
  await until(() => versions(sidecars).every((v) => v === '3'));
  await plane.call('PUT', '/v1/routes/r', route('4', { interval: '60s' }));
  await until(() => versions(sidecars).includes('4'));
  await plane.call('DELETE', '/v1/routes/r');
  await until(() => versions(sidecars).every((v) => v === null));
});

t.test('a service that only the version from before names cannot be removed', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, { ...echo, name: 'next' }] });
  await plane.call('PUT', '/v1/routes/r', toEcho);
  await plane.call('PUT', '/v1/routes/r', { spec: { rules: [{ backends: [{ service: 'next' }] }] }, rollout: {} });
  t.match(await plane.call('DELETE', '/v1/services/echo'), { status: 409, body: { detail: /used by Route\/r;/ } });
});

t.test('a restarted control plane goes on with the step', async (t) => {
  const store = `sqlite:${tempFolder(t)}/store`;
  const before = await startPlane(t, { store });
  await before.call('PUT', '/v1/services/echo', {});
  await before.call('PUT', '/v1/routes/r', route('1'));
  await before.close();
  const after = await startPlane(t, { store });
  const sidecar = new Sidecar(t, after.push, 'echo-0');
  await until(() => isIn(after, 'done'));
  await until(() => versions([sidecar])[0] === '1');
  await until(async () => (await after.call('GET', '/v1/status')).body.resources.routes === 1);
});

t.test('a fifth of the sidecars is a fifth, and not the same one for each resource', async (t) => {
  const names = Array.from({ length: 10_000 }, (_, i) => `cart-${i}`);
  const shareOf = (key: 'Route/a' | 'Route/b') => names.filter((name) => rankOf(name, key) < 2_000);
  const [a, b] = [shareOf('Route/a'), new Set(shareOf('Route/b'))];
  t.ok(a.length > 1_800 && a.length < 2_200, `${a.length}`);
  const both = a.filter((name) => b.has(name)).length;
  t.ok(both > 300 && both < 500, `${both}`);
});
