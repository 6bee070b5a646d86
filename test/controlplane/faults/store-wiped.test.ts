import { rmSync } from 'node:fs';
import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { byHand } from '../etcd-by-hand.ts';
import { fill, instance, namesOf } from '../holds/mesh.ts';
import { type Plane, startPlane } from '../plane.ts';
import { callInstance, register, Sidecar } from '../sidecar.ts';

const needsEtcd = await skipWithout('etcd');
let prefixes = 0;

const holdsOf = async (plane: Plane) => (await plane.call('GET', '/v1/holds')).body.items;
const untilHeld = (plane: Plane) => until(async () => (await holdsOf(plane))[0], { what: 'the hold' });

t.test('keys that somebody deletes in etcd', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);
  const pair = async (t: Parameters<typeof startPlane>[0]) => {
    const store = `etcd://${address}/wiped-${++prefixes}`;
    return { store, a: await startPlane(t, { store }), b: await startPlane(t, { store }) };
  };

  t.test('stay at every control plane and sidecar, and are written back when somebody restores them', async (t) => {
    const { store, a, b } = await pair(t);
    await fill(a, { instances: 3, routes: 2 });
    const sidecar = new Sidecar(t, b.push, 's');
    await until(() => sidecar.documents.size === 6);
    await byHand(store).wipe();
    const [atA, atB] = await Promise.all([untilHeld(a), untilHeld(b)]);
    t.match(atA, { cause: 'listing', why: /all 2 routes/ });
    t.equal(atA.resources.length, 6);
    t.same(atB.id, atA.id, 'any of them can be asked');
    t.equal((await namesOf(a, 'routes')).length, 2);
    t.match((await a.call('GET', '/v1/status')).body.holds, [{ id: atA.id }]);
    t.equal(sidecar.documents.size, 6);

    const late = await a.call('PUT', '/v1/services/late', {});
    t.equal(late.status, 201, 'writing goes on');
    await until(() => sidecar.documents.has('Service/late'), { timeoutMs: 5000 });

    t.equal((await b.call('POST', `/v1/holds/${atA.id}`, { confirm: false })).status, 200);
    for (const plane of [a, b]) await until(async () => (await holdsOf(plane)).length === 0);
    t.equal(sidecar.ended, null);
    const anew = await startPlane(t, { store });
    t.equal((await namesOf(anew, 'routes')).length, 2, 'the store has them again');
    t.equal((await namesOf(anew, 'instances')).length, 3);
  });

  t.test('go from every control plane when somebody confirms it at one', async (t) => {
    const { store, a, b } = await pair(t);
    await fill(a, { instances: 3, routes: 2 });
    const sidecar = new Sidecar(t, b.push, 's');
    await until(() => sidecar.documents.size === 6);
    await byHand(store).wipe();
    const { id } = await untilHeld(a);
    await untilHeld(b);
    t.equal((await a.call('POST', `/v1/holds/${id}`, { confirm: true })).status, 200);
    await until(() => sidecar.documents.size === 0, { what: 'the removal at a sidecar of the other one' });
    t.same([await holdsOf(a), await holdsOf(b)], [[], []]);
  });

  t.test('come back one by one as they are put or register; their service keeps its settings', async (t) => {
    const { store, a } = await pair(t);
    const sidecar = new Sidecar(t, a.push, 's');
    await a.call('PUT', '/v1/services/echo', { spec: { protocol: 'grpc' } });
    for (let i = 1; i <= 3; i++) await register(sidecar.client, instance(`echo-${i}`, { leaseSeconds: 60 }));
    await byHand(store).wipe();
    await untilHeld(a);
    await t.rejects(callInstance(sidecar.client, 'heartbeat', 'echo-1'), /register again/);
    await register(sidecar.client, instance('echo-1', { leaseSeconds: 60 }));
    t.match((await holdsOf(a))[0].resources, [{ name: 'echo-2' }, { name: 'echo-3' }]);
    t.equal((await a.call('GET', '/v1/services/echo')).body.spec.protocol, 'grpc');
    t.match(await a.call('PUT', '/v1/instances/echo-2', instance('echo-2')), { status: 201 });
    await callInstance(sidecar.client, 'deregister', 'echo-3');
    t.same(await namesOf(a, 'instances'), ['echo-1', 'echo-2'], 'one that leaves is not kept');
    t.same(await holdsOf(a), []);
    t.same(await byHand(store).resources(), ['Instance/echo-1', 'Instance/echo-2', 'Service/echo']);
  });

  t.test('stay from the half on when they go one by one, with what they refer to', async (t) => {
    const { store, a, b } = await pair(t);
    await fill(a, { instances: 5, routes: 3 });
    await a.call('PUT', '/v1/services/unused', {});
    const keys = await byHand(store).resources();
    t.equal(keys.length, 10);
    for (const key of keys) await byHand(store).delete(key);
    for (const plane of [a, b]) {
      await until(async () => (await namesOf(plane, 'services')).length === 1, { what: 'the last deletion' });
      t.same(await namesOf(plane, 'instances'), ['echo-3', 'echo-4', 'echo-5']);
      t.same(await namesOf(plane, 'routes'), ['r3']);
      t.same(await namesOf(plane, 'services'), ['echo']);
      t.match(await holdsOf(plane), [
        { why: /3 of 5 instances of service "echo"$/, resources: [{ name: 'echo-3' }] },
        { resources: [{ name: 'echo-4' }] },
        { resources: [{ name: 'echo-5' }] },
        { why: /all 3 routes$/, resources: [{ name: 'r3' }] },
        { why: /service "echo", which Instance\/echo-3 refers to$/, resources: [{ name: 'echo' }] },
      ]);
    }
    const ids: string[] = (await holdsOf(a)).map(({ id }: { id: string }) => id);
    for (const id of ids.toReversed())
      t.equal((await b.call('POST', `/v1/holds/${id}`, { confirm: false })).status, 200);
    t.equal((await byHand(store).resources()).length, 5);
  });

  t.test('are followed when they are few', async (t) => {
    const { store, a } = await pair(t);
    await fill(a, { instances: 3, routes: 2 });
    await byHand(store).delete('Route/r1');
    await byHand(store).delete('Instance/echo-1');
    await until(async () => (await namesOf(a, 'instances')).length === 2);
    t.same(await namesOf(a, 'routes'), ['r2']);
    t.same(await holdsOf(a), []);
  });
});

t.test('an etcd that comes back empty: sidecars are told to come again, and get all they had', needsEtcd, async (t) => {
  const etcd = await startEtcd(t);
  const store = `etcd://${etcd.address}/emptied`;
  const plane = await startPlane(t, { store });
  await fill(plane, { instances: 3, routes: 2 });
  await fill(plane, { routes: 1 }); // revisions of the new one shall be lower for some time
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.documents.size === 6);
  await etcd.process.kill9();
  rmSync(`${etcd.folder}/etcd`, { recursive: true });
  await startEtcd(t, etcd);
  const { id, why } = await untilHeld(plane);
  t.match(why, /replaced by another one or an older copy/);
  await until(() => sidecar.ended);
  t.match(sidecar.ended, { details: /the store was replaced/ });
  t.equal(sidecar.documents.size, 6);

  const again = new Sidecar(t, plane.push, 's');
  await until(() => again.documents.size === 6);
  t.ok(again.updates[0]!.revision < sidecar.updates.at(-1)!.revision, 'by the revisions of the new store');
  await until(async () => (await plane.call('PUT', '/v1/services/late', {})).status < 300);
  await until(() => again.documents.has('Service/late'), { timeoutMs: 5000 });
  t.equal((await plane.call('POST', `/v1/holds/${id}`, { confirm: false })).status, 200);
  const rollout = await until(async () => {
    const { body } = await plane.call('GET', '/v1/rollouts/latest');
    return body.state === 'applied' && body;
  });
  t.match(rollout, { summary: 'applied 1/1' });
  t.equal((await byHand(store).resources()).length, 7);
});
