import t, { type Test } from 'tap';
import { grpc } from '../../shared/grpc/grpc.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { echo, echo1, type Plane, startPlane } from './plane.ts';
import { callInstance, newClient, register, Sidecar } from './sidecar.ts';

const leased = (name: string, leaseSeconds: number) => ({ ...echo1, name, spec: { ...echo1.spec, leaseSeconds } });

async function has(plane: Plane, name: string): Promise<boolean> {
  return (await plane.call('GET', `/v1/instances/${name}`)).status === 200;
}

t.test('an instance without heartbeats leaves the mesh, one with heartbeats or without a lease stays', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, leased('lost', 1), leased('kept', 1), echo1] });
  const sidecar = new Sidecar(t, plane.push, 's');
  const renew = setInterval(() => void plane.call('POST', '/v1/instances/kept/heartbeat'), 200);
  t.teardown(() => clearInterval(renew));
  await until(() => sidecar.documents.size === 4);
  await until(() => !sidecar.documents.has('Instance/lost'), { what: 'the expiry' });
  t.equal(await has(plane, 'lost'), false);
  t.same([...sidecar.documents.keys()].sort(), ['Instance/echo-1', 'Instance/kept', 'Service/echo']);
  t.match(await plane.call('POST', '/v1/instances/lost/heartbeat'), {
    status: 404,
    body: { detail: /register it again/ },
  });
  t.ok(plane.logged.some((line) => line.includes('lease ran out')));
});

t.test('a heartbeat makes no revision and pushes nothing', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, leased('a', 30)] });
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.updates.length === 1);
  const before = (await plane.call('GET', '/v1/status')).body.revision;
  const beat = await plane.call('POST', '/v1/instances/a/heartbeat');
  t.match(beat, { status: 200, body: { name: 'a', leaseSeconds: 30, revision: before } });
  const put = await plane.call('PUT', '/v1/instances/a', leased('a', 30));
  t.equal(put.status, 200);
  t.equal((await plane.call('GET', '/v1/status')).body.revision, before);
  t.equal(sidecar.updates.length, 1);
});

t.test('putting the same instance again renews its lease', async (t) => {
  const plane = await startPlane(t);
  await plane.call('POST', '/v1/apply', { resources: [echo, leased('a', 1), leased('b', 1)] });
  const renew = setInterval(() => void plane.call('PUT', '/v1/instances/a', leased('a', 1)), 200);
  t.teardown(() => clearInterval(renew));
  await until(async () => !(await has(plane, 'b')));
  t.ok(await has(plane, 'a'));
});

t.test(
  'a sidecar registers over gRPC: service and instance at once, the same instance again changes nothing',
  async (t) => {
    const plane = await startPlane(t);
    const client = newClient(t, plane.push);
    const lease = await register(client, leased('echo-1', 15));
    t.match(lease, { leaseSeconds: 15, revision: Number });
    t.match((await plane.call('GET', '/v1/services/echo')).body, {
      spec: { protocol: 'http1' },
      revision: lease.revision,
    });
    t.match((await plane.call('GET', '/v1/instances/echo-1')).body, { revision: lease.revision });
    t.same(await register(client, leased('echo-1', 15)), lease);
    t.same(await callInstance(client, 'heartbeat', 'echo-1'), lease);
    t.match(await callInstance(client, 'deregister', 'echo-1'), { leaseSeconds: 0 });
    t.equal(await has(plane, 'echo-1'), false);
    t.equal((await plane.call('GET', '/v1/services/echo')).status, 200);
  },
);

t.test('gRPC registration keeps the service that is there and tells every fault', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', { spec: { protocol: 'tcp' } });
  const client = newClient(t, plane.push);
  await register(client, leased('echo-1', 15));
  t.match((await plane.call('GET', '/v1/services/echo')).body, { spec: { protocol: 'tcp' } });
  const bad = { ...leased('echo-2', 0), labels: 5 };
  await t.rejects(register(client, bad), {
    code: grpc.status.INVALID_ARGUMENT,
    details: /\/labels: .*\/spec\/leaseSeconds: /s,
  });
  await t.rejects(register(client, 'nonsense'), { code: grpc.status.INVALID_ARGUMENT });
  await t.rejects(register(client, { kind: 'Route', name: 'r' }), {
    code: grpc.status.INVALID_ARGUMENT,
    details: /must be Instance/,
  });
  await t.rejects(register(client, { ...leased('x', 5), spec: { service: 'Bad Name', address: 'a', port: 1 } }), {
    code: grpc.status.INVALID_ARGUMENT,
    details: /^Nothing was stored: 1 fault\.\n.*\/spec\/service: is not allowed[^\n]*$/,
  });
  await t.rejects(callInstance(client, 'heartbeat', 'none'), { code: grpc.status.NOT_FOUND });
  await t.rejects(callInstance(client, 'deregister', 'none'), { code: grpc.status.NOT_FOUND });
});

/** The real clock, moved on by as much as a test says. */
function movableClock() {
  let movedMs = 0;
  return {
    clock: { monotonicMs: () => performance.now() + movedMs, wallMs: () => Date.now() + movedMs },
    move: (ms: number) => {
      movedMs += ms;
    },
  };
}

async function mustStayForItsGrace(t: Test, plane: Plane, name: string): Promise<void> {
  const startedMs = performance.now();
  t.ok(await has(plane, name), 'it is still there');
  await until(async () => !(await has(plane, name)), { what: 'the expiry' });
  t.ok(performance.now() - startedMs > 4_000, 'and stays for about 5 s, in which its sidecar finds its way back');
}

t.test(
  'after a restart every instance has its lease of grace, and no less than 5 s, however long the stop was',
  async (t) => {
    const store = `sqlite:${tempFolder(t)}/mesh.db`;
    const { clock, move } = movableClock();
    const first = await startPlane(t, { store, clock });
    await first.call('POST', '/v1/apply', { resources: [echo, leased('a', 1)] });
    await first.close();
    move(3_600_000);
    await mustStayForItsGrace(t, await startPlane(t, { store, clock }), 'a');
  },
);

t.test('a control plane that was stopped or asleep gives every instance this grace, too', async (t) => {
  const { clock, move } = movableClock();
  const plane = await startPlane(t, { clock });
  await plane.call('POST', '/v1/apply', { resources: [echo, leased('a', 1)] });
  move(3_600_000);
  await mustStayForItsGrace(t, plane, 'a');
});
