import { cpSync, rmSync } from 'node:fs';
import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { byHand } from '../etcd-by-hand.ts';
import { fill, namesOf, route } from '../holds/mesh.ts';
import { type Plane, startPlane } from '../plane.ts';
import { helloOf, Sidecar } from '../sidecar.ts';

const needsEtcd = await skipWithout('etcd');
const holdsOf = async (plane: Plane) => (await plane.call('GET', '/v1/holds')).body.items;

t.test('an etcd that is restored from a backup', needsEtcd, async (t) => {
  const etcd = await startEtcd(t);
  const store = `etcd://${etcd.address}/back`;
  const plane = await startPlane(t, { store });
  await byHand(store).put('meta/mesh', '{"id":"one"}');
  await fill(plane, { instances: 3, routes: 1 });
  await etcd.process.stop();
  const backup = tempFolder(t);
  cpSync(`${etcd.folder}/etcd`, backup, { recursive: true });
  const between = await startEtcd(t, etcd);
  const later = await until(async () => {
    const reply = await plane.call('PUT', '/v1/routes/later', route('later'));
    return reply.status < 300 ? reply : null;
  });
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.documents.has('Route/later'));

  await between.process.kill9();
  rmSync(`${etcd.folder}/etcd`, { recursive: true });
  cpSync(backup, `${etcd.folder}/etcd`, { recursive: true });
  await startEtcd(t, etcd);
  const [hold] = await until(async () => {
    const holds = await holdsOf(plane);
    return holds.length > 0 && holds;
  });
  t.match(hold.resources, [{ kind: 'Route', name: 'later' }], 'what the backup does not have is held');
  await until(() => sidecar.ended);
  const again = new Sidecar(t, plane.push, 's');
  await until(() => again.documents.has('Route/later'));

  await t.test('a control plane that starts on it leaves sidecars with later revisions what they have', async (t) => {
    const anew = await startPlane(t, { store });
    t.same(await namesOf(anew, 'routes'), ['r1']);
    const known = new Sidecar(t, anew.push, 'known', { hello: false });
    known.stream.write({ hello: { ...helloOf('known'), mesh: 'one', revision: later.body.revision + 100 } });
    const held = await until(async () => (await holdsOf(anew))[0], { what: 'the hold of the sidecar' });
    t.match(held, { id: 'sidecars', why: /the store went back/, sidecars: ['known'] });
    t.equal(known.updates.length, 0);
    await anew.call('POST', '/v1/holds/sidecars', { confirm: true });
    await until(() => known.updates.length > 0);
    t.notOk(known.documents.has('Route/later'));
  });

  t.equal((await plane.call('POST', `/v1/holds/${hold.id}`, { confirm: false })).status, 200);
  t.same(await holdsOf(plane), []);
  t.ok((await byHand(store).resources()).includes('Route/later'));
});
