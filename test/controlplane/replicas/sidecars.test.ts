import t, { type Test } from 'tap';
import type { Rollout } from '../../../controlplane/push/rollouts.ts';
import { openStore } from '../../../controlplane/store/open-store.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { skipWithout } from '../../harness/peers.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { echo, type Plane, startPlane, toEcho } from '../plane.ts';
import { runCli } from '../run-cli.ts';
import { Sidecar } from '../sidecar.ts';
import { startReplica } from './three.ts';

const needsEtcd = await skipWithout('etcd');
const route = JSON.stringify({ kind: 'Route', name: 'r', ...toEcho });
/** Longest time until what happens at one control plane is told at another. */
const soonMs = 4_000;

const rolloutAt = async ({ call }: Pick<Plane, 'call'>, revision: number | 'latest' = 'latest') =>
  (await call('GET', `/v1/rollouts/${revision}`)).body as Rollout;

const isApplied = (plane: Pick<Plane, 'call'>, summary: string) => async () => {
  const rollout = await rolloutAt(plane);
  return rollout.state === 'applied' && rollout.summary === summary;
};

/** Two control planes over one etcd, a service, and a sidecar at each that has it. */
async function startTwo(t: Test) {
  const store = `etcd://${(await startEtcd(t)).address}/two`;
  const [here, there] = [await startPlane(t, { store }), await startPlane(t, { store })];
  await here.call('PUT', '/v1/services/echo', echo);
  const [near, far] = [new Sidecar(t, here.push, 'near-1'), new Sidecar(t, there.push, 'far-1')];
  for (const plane of [here, there]) await until(isApplied(plane, 'applied 2/2'), { what: 'the start' });
  return { store, here, there, near, far };
}

const wait = (plane: Plane, timeout = '15s') =>
  runCli(['apply', '-f', '-', '--wait', '--timeout', timeout, '--api', plane.url.replace('http://', '')], {
    stdin: route,
  });

t.test('a refusal at another control plane is told with its text, and fails apply --wait', needsEtcd, async (t) => {
  const { here, far } = await startTwo(t);
  far.autoAck = ({ resources }) => resources.map(({ key, revision }) => ({ key, revision, error: 'no such filter' }));
  t.match(await wait(here), {
    code: 1,
    stdout: /^applied 1\/2, rejected by 1 .*\n {2}far-1 refused Route\/r: no such filter\n/m,
  });
  far.autoAck = () => [];
  await here.call('PUT', '/v1/routes/r', { ...toEcho, labels: { mended: 'yes' } });
  await until(isApplied(here, 'applied 2/2'));
});

t.test('a laggard at another control plane is waited for, and named', needsEtcd, async (t) => {
  const { here, there, far } = await startTwo(t);
  far.autoAck = null;
  const { revision } = (await here.call('PUT', '/v1/routes/r', toEcho)).body as { revision: number };
  const states = new Set<string>();
  const told = await until(async () => {
    const rollout = await rolloutAt(here, revision);
    states.add(rollout.state);
    return rollout.laggards.length > 0 && rollout;
  });
  t.match(told, { laggards: [{ sidecar: 'far-1', service: 'far', connected: true }], summary: 'applied 1/2' });
  t.same([...states], ['progressing']);
  t.match(await wait(here, '1s'), { code: 1, stdout: /far-1 \(far\) is at revision \d+\n/ });
  far.ack(far.updates.at(-1)!);
  await until(isApplied(here, 'applied 2/2'), { timeoutMs: soonMs });

  t.match((await there.call('GET', '/v1/status')).body.sidecars, { connected: 1, elsewhere: [{ sidecars: 1 }] });
  t.match(await runCli(['status'], { env: { MESHLANE_API: there.url } }), {
    stdout: /^OTHER CONTROL PLANE +SIDECARS\n\S+ +1$/m,
  });
});

t.test('a sidecar that moved to another control plane is no laggard', needsEtcd, async (t) => {
  const { here, there, near } = await startTwo(t);
  near.stream.cancel();
  await until(async () => (await here.call('GET', '/v1/status')).body.sidecars.connected === 0);
  const { revision } = (await here.call('PUT', '/v1/routes/r', toEcho)).body as { revision: number };
  t.match(await rolloutAt(here), { state: 'progressing', laggards: [{ sidecar: 'near-1', connected: false }] });
  const moved = new Sidecar(t, there.push, 'near-1');
  for (const plane of [here, there]) await until(isApplied(plane, 'applied 2/2'), { timeoutMs: soonMs });
  t.ok(moved.updates[0]!.revision >= revision);
  t.match((await here.call('GET', '/v1/sidecars')).body, { items: [], elsewhere: [{ sidecars: 2 }] });
});

t.test('a control plane that is killed counts until its sidecars can be elsewhere', needsEtcd, async (t) => {
  const { store, here } = await startTwo(t);
  const third = await startReplica(t, store);
  new Sidecar(t, third.push, 'third-1');
  await until(isApplied(here, 'applied 3/3'), { timeoutMs: soonMs });
  t.match(await rolloutAt(third), { state: 'applied' }, 'one that came later knows of the sidecars of the others');
  await third.kill9();
  await here.call('PUT', '/v1/routes/r', toEcho);
  t.match(await rolloutAt(here), { state: 'progressing' });
  await until(isApplied(here, 'applied 2/2'));
});

t.test('a mesh in which nothing happens writes nothing', needsEtcd, async (t) => {
  const { store, here, there } = await startTwo(t);
  await here.call('PUT', '/v1/routes/r', toEcho);
  for (const plane of [here, there]) await until(isApplied(plane, 'applied 2/2'));
  const reader = await openStore(store, systemClock);
  t.teardown(() => reader.close());
  const revision = async () => (await reader.list('meta/sidecars/')).revision;
  const before = await revision();
  const endMs = performance.now() + 4_000;
  await until(async () => performance.now() > endMs || (await revision()) !== before, { everyMs: 200 });
  t.equal(await revision(), before);
});

t.test('a control plane on SQLite, which is alone, writes nothing about its sidecars', async (t) => {
  const store = `sqlite:${tempFolder(t)}/mesh.db`;
  const plane = await startPlane(t, { store });
  new Sidecar(t, plane.push, 'near-1');
  await plane.call('PUT', '/v1/services/echo', echo);
  await until(isApplied(plane, 'applied 1/1'));
  await plane.close();
  const reader = await openStore(store, systemClock);
  t.teardown(() => reader.close());
  t.same((await reader.list('meta/sidecars/')).entries, []);
});

t.test('sidecars that were there before all control planes stopped are waited for by all', needsEtcd, async (t) => {
  const store = `etcd://${(await startEtcd(t)).address}/again`;
  const before = await startPlane(t, { store });
  const spec = { service: 'echo', address: '127.0.0.1', port: 1, leaseSeconds: 60 };
  await before.call('POST', '/v1/apply', { resources: [echo, { kind: 'Instance', name: 'far-1', spec }] });
  await before.close();
  const options = { store, reconnectMs: 20_000 };
  const planes = [await startPlane(t, options), await startPlane(t, options)] as const;
  for (const plane of planes) await until(async () => (await rolloutAt(plane)).laggards[0]?.sidecar === 'far-1');
  new Sidecar(t, planes[1].push, 'far-1');
  for (const plane of planes) {
    await until(isApplied(plane, 'applied 1/1'), { timeoutMs: soonMs });
    t.same((await rolloutAt(plane)).laggards, []);
  }
});
