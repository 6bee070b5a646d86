import t from 'tap';
import { admissionOf, type Here } from '../../../controlplane/holds/admission-rule.ts';
import { openStore } from '../../../controlplane/store/open-store.ts';
import { systemClock } from '../../../shared/time/clock.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { type Plane, startPlane } from '../plane.ts';
import { helloOf, register, Sidecar } from '../sidecar.ts';
import { fill, instance } from './mesh.ts';

const here: Here = { known: new Set(['one', 'zero']), highestRevision: 10, accepted: [], lost: [] };
const accepting: Here = {
  ...here,
  accepted: [
    { mesh: 'lost', revision: 20 },
    { mesh: 'one', revision: 30 },
  ],
};

t.test('who is served, and who keeps what it has', async (t) => {
  t.equal(admissionOf({ mesh: '', revision: 99 }, here), 'serve', 'a first start, or an old sidecar');
  t.equal(admissionOf({ mesh: 'one', revision: 10 }, here), 'serve', 'this mesh');
  t.equal(admissionOf({ mesh: 'zero', revision: 3 }, here), 'serve', 'the mesh before, whose resources are here');
  t.equal(admissionOf({ mesh: 'one', revision: 11 }, here), 'ask', 'later than what is known here');
  const lost = { ...here, lost: [{ mesh: 'one', revision: 8 }] };
  t.match(admissionOf({ mesh: 'one', revision: 8 }, lost), { held: /revision 8 of before the store went back/ });
  t.equal(admissionOf({ mesh: 'one', revision: 7 }, lost), 'serve', 'what came after the store went back');
  t.match(admissionOf({ mesh: 'lost', revision: 1 }, here), { held: /another mesh, lost/ });
  t.match(admissionOf({ mesh: 'lost', revision: 1 }, { ...here, known: new Set() }), { held: String });
  t.equal(admissionOf({ mesh: 'lost', revision: 20 }, accepting), 'serve', 'confirmed');
  t.match(admissionOf({ mesh: 'lost', revision: 21 }, accepting), { held: String });
  t.equal(admissionOf({ mesh: 'one', revision: 30 }, accepting), 'serve', 'confirmed');
});

/** A store that has the id of its mesh. */
async function storeOf(t: Parameters<typeof startPlane>[0], mesh: string): Promise<string> {
  const name = `sqlite:${tempFolder(t)}/${mesh}.db`;
  const store = await openStore(name, systemClock);
  await store.commit([{ type: 'put', key: 'meta/mesh', value: JSON.stringify({ id: mesh }), expected: 0 }]);
  await store.close();
  return name;
}

function comeBack(t: Parameters<typeof startPlane>[0], plane: Plane, name: string, mesh: string): Sidecar {
  const sidecar = new Sidecar(t, plane.push, name, { hello: false });
  sidecar.stream.write({ hello: { ...helloOf(name), mesh, revision: 500 } });
  return sidecar;
}

t.test('over an emptied store, sidecars of the mesh before get nothing until somebody confirms it', async (t) => {
  const plane = await startPlane(t, { store: await storeOf(t, 'new') });
  const sidecars = ['a-1', 'b-1'].map((name) => comeBack(t, plane, name, 'old'));
  const held = await until(async () => {
    const { items } = (await plane.call('GET', '/v1/holds')).body;
    return items[0]?.sidecars.length === 2 && items;
  });
  t.match(held, [{ id: 'sidecars', cause: 'sidecars', why: /another mesh, old/, sidecars: ['a-1', 'b-1'] }]);
  t.match((await plane.call('GET', '/v1/status')).body.holds, held);
  t.match((await plane.call('GET', '/metrics')).body, /^meshlane_control_plane_held_sidecars 2$/m);
  await register(sidecars[0]!.client, instance('echo-1', { leaseSeconds: 60 }));
  t.equal((await plane.call('GET', '/v1/instances/echo-1')).status, 200, 'registrations are taken');
  await fill(plane, { routes: 1 });
  const other = new Sidecar(t, plane.push, 'new-1');
  await until(() => other.documents.has('Route/r1'), { what: 'what a sidecar without configuration gets' });
  for (const sidecar of sidecars) t.equal(sidecar.updates.length, 0);

  t.match(await plane.call('POST', '/v1/holds/sidecars', { confirm: false }), { status: 400 });
  sidecars[1]!.stream.cancel();
  await until(async () => (await plane.call('GET', '/v1/holds')).body.items[0]?.sidecars.length === 1);
  t.equal((await plane.call('POST', '/v1/holds/sidecars', { confirm: true })).status, 200);
  await until(() => sidecars[0]!.documents.has('Route/r1'));
  t.same((await plane.call('GET', '/v1/holds')).body.items, []);
  const late = comeBack(t, plane, 'c-1', 'old');
  await until(() => late.documents.has('Route/r1'), { what: 'one that comes later' });
});

t.test('a sidecar of this mesh that has a later revision than the store keeps what it has', async (t) => {
  const plane = await startPlane(t, { store: await storeOf(t, 'one') });
  const sidecar = comeBack(t, plane, 'a-1', 'one');
  await until(async () => (await plane.call('GET', '/v1/holds')).body.items.length === 1);
  t.match((await plane.call('GET', '/v1/holds')).body.items, [{ why: /has revision 500, and the store is at \d+/ }]);
  t.equal(sidecar.updates.length, 0);
});

t.test('it is held, too, when it comes again once the store has come to its revision', async (t) => {
  const plane = await startPlane(t, { store: await storeOf(t, 'one') });
  const back = (name: string, revision: number) => {
    const sidecar = new Sidecar(t, plane.push, name, { hello: false });
    sidecar.stream.write({ hello: { ...helloOf(name), mesh: 'one', revision } });
    return sidecar;
  };
  const held = async () => (await plane.call('GET', '/v1/holds')).body.items[0]?.sidecars ?? [];
  const { body: before } = await plane.call('PUT', '/v1/services/first', {});
  const revision = before.revision + 10;
  const first = back('a-1', revision);
  await until(async () => (await held()).length === 1);
  let now = 0;
  for (let i = 0; now <= revision; i++) now = (await plane.call('PUT', `/v1/services/next-${i}`, {})).body.revision;
  first.stream.cancel();
  await until(async () => (await held()).length === 0);
  const again = back('a-1', revision);
  const other = back('b-1', revision - 1);
  await until(() => other.updates.length > 0);
  await until(async () => (await held()).join() === 'a-1');
  t.equal(again.updates.length, 0);
  await plane.call('POST', '/v1/holds/sidecars', { confirm: true });
  await until(() => again.updates.length > 0);
});
