import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startGuardedPlane } from '../access/guarded-plane.ts';
import { startEtcd } from '../etcd.ts';
import { byHand } from '../etcd-by-hand.ts';
import { type Plane, startPlane } from '../plane.ts';
import { fill, instance, namesOf, route } from './mesh.ts';

const needsEtcd = await skipWithout('etcd');

async function heldBy(call: Plane['call']): Promise<{ id: string }> {
  return await until(async () => (await call('GET', '/v1/holds')).body.items[0], { what: 'the hold' });
}

t.test('what is held, and so in force', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);

  t.test('cannot be taken over from outside its namespace', async (t) => {
    const store = `etcd://${address}/bounds`;
    const plane = await startGuardedPlane(t, { store });
    const asAdmin: Plane['call'] = (method, path, body) => plane.as('admin', method, path, body);
    const ofBank = [1, 2, 3].map((i) => instance(`pay-${i}`, { service: 'pay.bank' }));
    const services = ['pay.bank', 'cart.shop'].map((name) => ({ kind: 'Service', name, spec: { protocol: 'http1' } }));
    t.equal((await asAdmin('POST', '/v1/apply', { resources: [...services, ...ofBank] })).status, 200);
    await byHand(store).wipe('Instance/');
    await heldBy(asAdmin);
    const taken = instance('pay-1', { service: 'cart.shop' });
    for (const who of ['editor', 'workload'] as const)
      t.match(await plane.as(who, 'PUT', '/v1/instances/pay-1', taken), { status: 403 }, who);
    t.equal((await plane.as('editor', 'DELETE', '/v1/instances/pay-1')).status, 403);
  });

  t.test('is let go or restored by somebody, as audit log and history say', async (t) => {
    const store = `etcd://${address}/decided`;
    const plane = await startGuardedPlane(t, { store });
    const asAdmin: Plane['call'] = (method, path, body) => plane.as('admin', method, path, body);
    for (const [confirm, decision, what] of [
      [false, 'restored', ['Route/r1 created', 'Route/r2 created']],
      [true, 'confirmed', ['Route/r2 removed', 'Route/r1 removed']],
    ] as const) {
      await fill({ call: asAdmin }, { routes: 2 });
      await byHand(store).wipe('Route/');
      const { id } = await heldBy(asAdmin);
      t.equal((await asAdmin('POST', `/v1/holds/${id}`, { confirm })).status, 200);
      const note = `hold ${id} ${decision}`;
      t.match((await asAdmin('GET', '/v1/history')).body.items[0], { by: 'admin', note });
      const line = await until(() => plane.audited().find(({ reason }) => reason === note));
      t.match(line, { who: 'admin', action: 'POST /v1/holds/:id', outcome: 'done' });
      t.same(line['what'], what);
    }
  });

  t.test('can be lost by a write like anything else', async (t) => {
    const store = `etcd://${address}/lost`;
    const plane = await startPlane(t, { store });
    await fill(plane, { instances: 3 });
    await plane.call('PUT', '/v1/services/other', {});
    await byHand(store).wipe('Instance/');
    await heldBy(plane.call);
    const moved = { resources: [1, 2, 3].map((i) => instance(`echo-${i}`, { service: 'other' })) };
    t.match(await plane.call('POST', '/v1/apply', moved), { status: 409, body: { detail: /all 3 instances/ } });
    t.equal((await plane.call('DELETE', '/v1/instances/echo-1')).status, 200);
    t.match(await plane.call('DELETE', '/v1/instances/echo-2'), { status: 409, body: { detail: /2 of 3 instances/ } });
  });

  t.test('is no news when it is put again or restored, to the history and to rollouts', async (t) => {
    const store = `etcd://${address}/history`;
    const plane = await startPlane(t, { store });
    await fill(plane, { routes: 2 });
    const rollout = { steps: ['10%', '100%'], interval: '60s' };
    const before = await plane.call('PUT', '/v1/routes/r1', { ...route('r1'), rollout });
    t.match(before.body, { status: { rollout: { state: 'done' } } });
    await plane.call('PUT', '/v1/services/later', {});
    await byHand(store).wipe('Route/');
    const { id } = await heldBy(plane.call);
    const same = await plane.call('PUT', '/v1/routes/r1', { ...route('r1'), rollout });
    t.match(same, { status: 201, body: { status: { rollout: { state: 'done' } } } });
    t.equal((await plane.call('POST', `/v1/holds/${id}`, { confirm: false })).status, 200);

    const revision = Number(before.headers['x-meshlane-revision']);
    const { body } = await plane.call('GET', `/v1/diff?from=${revision}`);
    t.match(body.resources, [{ kind: 'Service', name: 'later', change: 'added' }]);
    t.equal(body.resources.length, 1);
    t.equal((await plane.call('POST', '/v1/rollback', { revision })).status, 200);
    t.same(await namesOf(plane, 'routes'), ['r1', 'r2']);
    t.same(await namesOf(plane, 'services'), ['echo']);
  });

  t.test('is removed as it was when somebody lets it go, so that a rollback brings it back', async (t) => {
    const store = `etcd://${address}/gone`;
    const plane = await startPlane(t, { store });
    await fill(plane, { routes: 2 });
    const revision = (await plane.call('GET', '/v1/history')).body.items[0].revision;
    await byHand(store).wipe('Route/');
    const { id } = await heldBy(plane.call);
    t.equal((await plane.call('POST', `/v1/holds/${id}`, { confirm: true })).status, 200);
    t.same(await namesOf(plane, 'routes'), []);
    t.equal((await plane.call('POST', '/v1/rollback', { revision })).status, 200);
    t.same(await namesOf(plane, 'routes'), ['r1', 'r2']);
  });
});
