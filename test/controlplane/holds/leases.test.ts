import t, { type Test } from 'tap';
import { until } from '../../harness/until.ts';
import { type Plane, startPlane } from '../plane.ts';
import { fill, namesOf } from './mesh.ts';

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

async function holdsOf(plane: Plane) {
  return (await plane.call('GET', '/v1/holds')).body.items;
}

/** Keeps instances alive until the test ends, or until the returned function is called. */
function beat(t: Test, plane: Plane, names: readonly string[]): () => void {
  const send = () => {
    for (const name of names) void plane.call('POST', `/v1/instances/${name}/heartbeat`);
  };
  send();
  const timer = setInterval(send, 250);
  t.teardown(() => clearInterval(timer));
  return () => clearInterval(timer);
}

t.test(
  'when most instances of a service fall silent at once they stay, and the hold ends as they come back',
  async (t) => {
    const plane = await startPlane(t);
    await fill(plane, { instances: 4 }, { leaseSeconds: 1 });
    beat(t, plane, ['echo-1']);
    const [hold] = await until(async () => {
      const holds = await holdsOf(plane);
      return holds[0]?.resources.length === 3 && holds;
    });
    t.match(hold, { id: 'leases-echo', cause: 'leases', why: /ran out together: 3 of 4 instances of service "echo"/ });
    t.equal((await namesOf(plane, 'instances')).length, 4);
    t.match((await plane.call('GET', '/v1/status')).body.holds, [{ id: 'leases-echo' }]);
    t.match((await plane.call('GET', '/metrics')).body, /^meshlane_control_plane_held_resources 3$/m);
    t.ok(plane.logged.some((line) => line.includes('leases ran out together')));
    beat(t, plane, ['echo-2', 'echo-3', 'echo-4']);
    await until(async () => (await holdsOf(plane)).length === 0);
    t.equal((await namesOf(plane, 'instances')).length, 4);
  },
);

t.test('a few that fall silent are taken out', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 4 }, { leaseSeconds: 1 });
  beat(t, plane, ['echo-1', 'echo-2', 'echo-3']);
  await until(async () => (await namesOf(plane, 'instances')).length === 3);
  t.same(await holdsOf(plane), []);
});

t.test('instances that get no new requests leave when their leases run out, however many', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 4 }, { leaseSeconds: 1, status: 'draining' });
  await until(async () => (await namesOf(plane, 'instances')).length === 0);
  t.same(await holdsOf(plane), []);
});

t.test('instances that fall silent one after the other within seconds are held from the half on', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 3 }, { leaseSeconds: 1 });
  const stop = beat(t, plane, ['echo-2', 'echo-3']);
  await until(async () => (await namesOf(plane, 'instances')).length === 2);
  stop();
  await until(async () => (await holdsOf(plane))[0]?.resources.length === 2);
  t.same(await namesOf(plane, 'instances'), ['echo-2', 'echo-3']);
});

t.test('a hold of leases ends when somebody confirms it, or begins anew when somebody restores it', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 3 }, { leaseSeconds: 1 });
  await until(async () => (await holdsOf(plane))[0]?.resources.length === 3);
  t.match(await plane.call('POST', '/v1/holds/leases-echo', { confirm: false }), {
    status: 200,
    body: { decision: 'restored' },
  });
  t.same(await holdsOf(plane), []);
  await until(async () => (await holdsOf(plane))[0]?.resources.length === 3);
  t.match(await plane.call('POST', '/v1/holds/leases-echo', { confirm: true }), {
    status: 200,
    body: { decision: 'confirmed' },
  });
  t.same(await namesOf(plane, 'instances'), []);
  t.match(await plane.call('POST', '/v1/holds/leases-echo', { confirm: true }), { status: 404 });
  t.match(await plane.call('POST', '/v1/holds/leases-echo', { yes: 1 }), { status: 400 });
});

t.test('one that joins a hold late stays for ten minutes of its own', async (t) => {
  const { clock, move } = movableClock();
  const plane = await startPlane(t, { clock });
  await fill(plane, { instances: 4 }, { leaseSeconds: 1 });
  const stop = beat(t, plane, ['echo-1']);
  const untilHeld = (count: number) => until(async () => (await holdsOf(plane))[0]?.resources.length === count);
  await untilHeld(3);
  move(590_000);
  stop();
  await untilHeld(4);
  move(10_000);
  await until(async () => (await namesOf(plane, 'instances')).length < 4, { what: 'the end of the first ones' });
  t.same(await namesOf(plane, 'instances'), ['echo-1']);
  t.match(await holdsOf(plane), [{ id: 'leases-echo', resources: [{ name: 'echo-1' }] }]);
});

t.test('after ten minutes they go', async (t) => {
  const { clock, move } = movableClock();
  const plane = await startPlane(t, { clock });
  await fill(plane, { instances: 3 }, { leaseSeconds: 1 });
  await until(async () => (await holdsOf(plane))[0]?.resources.length === 3);
  move(601_000);
  await until(async () => (await namesOf(plane, 'instances')).length === 0, { what: 'the end of the hold' });
  t.same(await holdsOf(plane), []);
});
