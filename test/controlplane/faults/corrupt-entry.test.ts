import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { byHand } from '../etcd-by-hand.ts';
import { fill, instance, namesOf, route } from '../holds/mesh.ts';
import { startPlane } from '../plane.ts';
import { callInstance, register, Sidecar } from '../sidecar.ts';

const needsEtcd = await skipWithout('etcd');

t.test('an entry that somebody broke in etcd', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);
  const store = `etcd://${address}/broken`;
  const hand = byHand(store);
  const plane = await startPlane(t, { store });
  const faults = async () => (await plane.call('GET', '/v1/status')).body.faults;
  await fill(plane, { routes: 2 });
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.documents.size === 3);
  const good = (await plane.call('GET', '/v1/routes/r1')).body;

  await t.test('leaves the last good version in force, and is told', async (t) => {
    await hand.put('Route/r1', '{"kind":"Route","name":"r1","spec":{}}');
    await hand.put('Route/unknown', 'not JSON');
    await until(async () => (await faults()).length === 2);
    t.match(await faults(), [
      { key: 'Route/r1', why: /rules/, since: /^\d{4}-/ },
      { key: 'Route/unknown', why: String },
    ]);
    t.same((await plane.call('GET', '/v1/routes/r1')).body, good);
    t.match((await plane.call('GET', '/metrics')).body, /^meshlane_control_plane_faulty_entries 2$/m);
    await plane.call('PUT', '/v1/services/late', {});
    await until(() => sidecar.documents.has('Service/late'), { what: 'a change beside it' });
    t.ok(sidecar.documents.has('Route/r1'));
    t.equal(sidecar.updates.flatMap(({ removed }) => removed).length, 0);
  });

  await t.test('is mended by a write, also of the same', async (t) => {
    t.equal((await plane.call('PUT', '/v1/routes/r1', route('r1'))).status, 200);
    t.match(await faults(), [{ key: 'Route/unknown' }]);
    t.equal((await plane.call('PUT', '/v1/routes/unknown', route('unknown'))).status, 201);
    t.same(await faults(), []);
  });

  await t.test('is mended by its deletion', async (t) => {
    await hand.put('Route/r2', 'not JSON');
    await until(async () => (await faults()).length === 1);
    t.equal((await plane.call('DELETE', '/v1/routes/r2')).status, 200);
    await hand.put('Route/other', 'not JSON');
    await until(async () => (await faults()).length === 1);
    await hand.delete('Route/other');
    await until(async () => (await faults()).length === 0);
    t.same(await namesOf(plane, 'routes'), ['r1', 'unknown']);
  });
});

t.test('a service that cannot be read', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);
  const store = `etcd://${address}/unread`;
  const hand = byHand(store);
  const newer = '{"kind":"Service","name":"echo","spec":{"protocol":"http9"}}';
  await hand.put('Service/echo', newer);
  const plane = await startPlane(t, { store });
  const sidecar = new Sidecar(t, plane.push, 's');
  const faults = async () => (await plane.call('GET', '/v1/status')).body.faults;

  await t.test('stays as somebody wrote it when an instance of it registers', async (t) => {
    await register(sidecar.client, instance('echo-1', { leaseSeconds: 60 }));
    await until(() => sidecar.documents.has('Instance/echo-1'));
    t.equal(await hand.get('Service/echo'), newer);
    t.match(await faults(), [{ key: 'Service/echo' }]);
    t.notOk(sidecar.documents.has('Service/echo'));
    await callInstance(sidecar.client, 'heartbeat', 'echo-1');
    await register(sidecar.client, instance('echo-1', { leaseSeconds: 60 }));
  });

  await t.test('is there for all once it can be read', async () => {
    await plane.call('PUT', '/v1/services/echo', { spec: { protocol: 'grpc' } });
    await until(() => sidecar.documents.has('Service/echo'));
  });
});

t.test('an entry that comes back broken after it was lost is a fault and no longer a loss', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);
  const store = `etcd://${address}/lost`;
  const hand = byHand(store);
  const plane = await startPlane(t, { store });
  const holds = async () => (await plane.call('GET', '/v1/holds')).body.items;
  await fill(plane, { instances: 3 });
  await plane.call('PUT', '/v1/services/echo', { spec: { protocol: 'grpc' } });
  await hand.wipe();
  await until(async () => (await holds())[0]?.resources.length === 4);
  await hand.put('Service/echo', 'not JSON');
  await until(async () => (await holds())[0]?.resources.length === 3);
  await register(new Sidecar(t, plane.push, 's').client, instance('echo-1', { leaseSeconds: 60 }));
  t.equal(await hand.get('Service/echo'), 'not JSON');
  t.equal((await plane.call('GET', '/v1/services/echo')).body.spec.protocol, 'grpc', 'the last good version');
});
