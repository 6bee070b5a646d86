import t from 'tap';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { type Plane, startPlane } from '../plane.ts';
import { helloOf, Sidecar } from '../sidecar.ts';

const instance = (name: string, service: string, version = '1') => ({
  kind: 'Instance',
  name,
  labels: { version },
  spec: { service, address: '127.0.0.1', port: 9000 },
});

/** Services a and b with an instance each, and a route. */
async function startMesh(t: Owner): Promise<Plane> {
  const plane = await startPlane(t);
  const route = { kind: 'Route', name: 'r', spec: { rules: [{ backends: [{ service: 'a' }] }] } };
  const services = ['a', 'b'].map((name) => ({ kind: 'Service', name }));
  const resources = [...services, route, instance('a-1', 'a'), instance('b-1', 'b')];
  await plane.call('POST', '/v1/apply', { resources });
  return plane;
}

const put = (plane: Plane, ...resources: object[]) => plane.call('POST', '/v1/apply', { resources });
const instancesOf = ({ documents }: Sidecar) =>
  [...documents.keys()].filter((key) => key.startsWith('Instance/')).sort();
const config = ['Route/r', 'Service/a', 'Service/b'];

t.test('a sidecar with a scope gets all configuration, and the instances of the services it calls', async (t) => {
  const plane = await startMesh(t);
  const sidecar = new Sidecar(t, plane.push, 's', { scope: ['a', 'nowhere'] });
  await until(() => sidecar.updates.length === 1);
  t.match(sidecar.updates[0], { full: true, services: ['a', 'nowhere'] });
  t.same([...sidecar.documents.keys()].sort(), ['Instance/a-1', ...config]);
  const all = new Sidecar(t, plane.push, 'all');
  await until(() => all.updates.length === 1);
  t.same(all.updates[0]?.services, []);
  t.same(instancesOf(all), ['Instance/a-1', 'Instance/b-1']);
});

t.test('it hears nothing of other services, and still counts as one that has the change', async (t) => {
  const plane = await startMesh(t);
  const sidecar = new Sidecar(t, plane.push, 's', { scope: ['a'] });
  await until(() => sidecar.updates.length === 1);
  const { body } = await put(plane, instance('b-2', 'b'));
  await until(async () => (await plane.call('GET', `/v1/rollouts/${body.revision}`)).body.summary === 'applied 1/1');
  t.equal(sidecar.updates.length, 1);
  await put(plane, instance('a-2', 'a'));
  await until(() => sidecar.updates.length === 2);
  t.match(sidecar.updates[1], { full: false, services: [], removed: [] });
  t.same(
    sidecar.updates[1]?.resources.map(({ key }) => key.name),
    ['a-2'],
  );
});

t.test('a service that joins the scope comes whole, one that does not exist is answered at once', async (t) => {
  const plane = await startMesh(t);
  const sidecar = new Sidecar(t, plane.push, 's', { scope: [] });
  await until(() => sidecar.updates.length === 1);
  t.same(instancesOf(sidecar), []);
  sidecar.call('b', 'later');
  await until(() => sidecar.updates.length === 2);
  t.same([...sidecar.updates[1]!.services].sort(), ['b', 'later']);
  t.same(instancesOf(sidecar), ['Instance/b-1']);
  await put(plane, { kind: 'Service', name: 'later' }, instance('later-1', 'later'));
  await until(() => sidecar.documents.has('Instance/later-1'), { what: 'an instance of a service that came to be' });
});

t.test(
  'a service that leaves the scope takes its instances along, and comes whole when it is called again',
  async (t) => {
    const plane = await startMesh(t);
    const sidecar = new Sidecar(t, plane.push, 's', { scope: ['a', 'b'] });
    await until(() => sidecar.updates.length === 1);
    sidecar.call('b');
    await until(() => sidecar.updates.length === 2);
    t.match(sidecar.updates[1], { resources: [], removed: [{ kind: 'Instance', name: 'a-1' }], services: [] });
    await put(plane, instance('a-2', 'a'));
    sidecar.call('a', 'b');
    await until(() => sidecar.updates.length === 3);
    t.same(sidecar.updates[2]?.services, ['a']);
    t.same(instancesOf(sidecar), ['Instance/a-1', 'Instance/a-2', 'Instance/b-1']);
  },
);

t.test(
  'what changes and moves while a sidecar is busy ends as it is, whatever its scope became meanwhile',
  async (t) => {
    const plane = await startMesh(t);
    const sidecar = new Sidecar(t, plane.push, 's', { autoAck: false, scope: ['a', 'b'] });
    await until(() => sidecar.updates.length === 1);
    await put(plane, instance('a-2', 'a'), instance('moves', 'a'));
    await plane.call('DELETE', '/v1/instances/a-1');
    await put(plane, instance('moves', 'b'), instance('a-2', 'a', '2'));
    sidecar.call('b');
    sidecar.call('b', 'a');
    await put(plane, instance('moves', 'a', '2'));
    sidecar.autoAck = () => [];
    sidecar.ack(sidecar.updates[0]!);
    await until(() => sidecar.documents.has('Instance/a-2'));
    await put(plane, instance('b-1', 'b', '2'));
    await until(() => sidecar.documents.get('Instance/b-1')?.revision === sidecar.updates.at(-1)?.revision);
    t.same(instancesOf(sidecar), ['Instance/a-2', 'Instance/b-1', 'Instance/moves']);
    for (const name of ['a-2', 'moves'])
      t.same(sidecar.documents.get(`Instance/${name}`), (await plane.call('GET', `/v1/instances/${name}`)).body);
    for (const { removed, resources } of sidecar.updates) {
      const removedNames = new Set(removed.map(({ name }) => name));
      t.notOk(
        resources.some(({ key }) => removedNames.has(key.name)),
        'nothing comes and goes in one update',
      );
    }
  },
);

t.test('an instance that moves to another service moves for each who hears of either', async (t) => {
  const plane = await startMesh(t);
  const [both, from, to] = [['a', 'b'], ['a'], ['b']].map(
    (scope, i) => new Sidecar(t, plane.push, `s-${i}`, { scope }),
  ) as [Sidecar, Sidecar, Sidecar];
  await until(() => [both, from, to].every(({ updates }) => updates.length === 1));
  await put(plane, instance('a-1', 'b'));
  await until(() => [both, from, to].every(({ updates }) => updates.length === 2));
  t.same(instancesOf(both), ['Instance/a-1', 'Instance/b-1']);
  t.same(instancesOf(from), []);
  t.same(instancesOf(to), ['Instance/a-1', 'Instance/b-1']);
});

t.test('a scope that cannot be one ends the stream with the reason', async (t) => {
  const plane = await startMesh(t);
  const named = new Sidecar(t, plane.push, 'named', { scope: ['A service!'] });
  t.match(await until(() => named.ended), { code: grpc.status.INVALID_ARGUMENT, details: /no name of a service/ });
  const late = new Sidecar(t, plane.push, 'late', { scope: ['a'] });
  await until(() => late.updates.length === 1);
  late.call(...Array.from({ length: 10_001 }, (_, i) => `s-${i}`));
  t.match(await until(() => late.ended), { code: grpc.status.INVALID_ARGUMENT, details: /at most 10000/ });
  t.same(
    (await plane.call('GET', '/v1/sidecars')).body.items.filter(({ connected }: { connected: boolean }) => connected),
    [],
  );
});

t.test('a full scope of 10,000 is taken and answered', async (t) => {
  const plane = await startMesh(t);
  const scope = ['a', ...Array.from({ length: 9_999 }, (_, i) => `s-${i}`)];
  const sidecar = new Sidecar(t, plane.push, 's', { scope });
  await until(() => sidecar.updates.length === 1);
  t.equal(sidecar.updates[0]?.services.length, 10_000);
  t.same(instancesOf(sidecar), ['Instance/a-1']);
});

t.test('a scope of a sidecar that gets everything changes nothing', async (t) => {
  const plane = await startMesh(t);
  const sidecar = new Sidecar(t, plane.push, 's', { hello: false });
  sidecar.stream.write({ hello: { ...helloOf('s'), services: ['a'] } });
  sidecar.call('a');
  await put(plane, instance('b-2', 'b'));
  await until(() => sidecar.documents.has('Instance/b-2'));
  t.ok(sidecar.documents.has('Instance/b-1'));
});
