import { connect } from 'node:net';
import t from 'tap';
import type { WireUpdate } from '../../shared/discovery/discovery.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { systemClock } from '../../shared/time/clock.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { echo, echo1, startPlane, toEcho } from './plane.ts';
import { callInstance, helloOf, Sidecar } from './sidecar.ts';

const keysOf = (update: WireUpdate | undefined) => update?.resources.map(({ key }) => `${key.kind}/${key.name}`).sort();

t.test('a new stream gets everything, with the bytes that the API shows', async (t) => {
  const plane = await startPlane(t);
  const { body } = await plane.call('POST', '/v1/apply', { resources: [echo, echo1] });
  const sidecar = new Sidecar(t, plane.push, 'echo-1');
  await until(() => sidecar.updates.length === 1);
  const [update] = sidecar.updates;
  t.match(update, { full: true, revision: body.revision, removed: [] });
  t.same(keysOf(update), ['Instance/echo-1', 'Service/echo']);
  t.same(sidecar.documents.get('Service/echo'), (await plane.call('GET', '/v1/services/echo')).body);
});

t.test('an empty mesh is told as such', async (t) => {
  const plane = await startPlane(t);
  const sidecar = new Sidecar(t, plane.push, 'a');
  await until(() => sidecar.updates.length === 1);
  t.match(sidecar.updates[0], { full: true, resources: [] });
});

t.test('a change comes alone, removals as keys, and the rollout says applied', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const sidecars = Array.from({ length: 5 }, (_, i) => new Sidecar(t, plane.push, `echo-${i}`));
  await until(() => sidecars.every(({ updates }) => updates.length === 1));
  const put = await plane.call('PUT', '/v1/routes/r', toEcho);
  await until(() => sidecars.every(({ updates }) => updates.length === 2));
  for (const { updates } of sidecars) {
    t.match(updates[1], { full: false, revision: put.body.revision, removed: [] });
    t.same(keysOf(updates[1]), ['Route/r']);
  }
  const rollout = await until(async () => {
    const { body } = await plane.call('GET', `/v1/rollouts/${put.body.revision}`);
    return body.state === 'applied' && body;
  });
  t.match(rollout, {
    revision: put.body.revision,
    resources: [{ kind: 'Route', name: 'r' }],
    summary: 'applied 5/5',
    applied: 5,
    total: 5,
    laggards: [],
    rejected: [],
  });
  t.same((await plane.call('GET', '/v1/rollouts/latest')).body, rollout);
  await plane.call('DELETE', '/v1/routes/r');
  await until(() => sidecars.every(({ updates }) => updates.length === 3));
  t.match(sidecars[0]?.updates[2], { full: false, resources: [], removed: [{ kind: 'Route', name: 'r' }] });
});

t.test('what changes while a sidecar is busy is merged into one update with the latest of each', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const slow = new Sidecar(t, plane.push, 'slow', { autoAck: false });
  const fast = new Sidecar(t, plane.push, 'fast');
  await until(() => slow.updates.length === 1 && fast.updates.length === 1);
  slow.ack(slow.updates[0]!);
  for (let i = 0; i < 50; i++) await plane.call('PUT', `/v1/routes/r${i % 5}`, { ...toEcho, labels: { i: `${i}` } });
  const { body: last } = await plane.call('DELETE', '/v1/routes/r0');
  await until(() => fast.updates.at(-1)!.revision >= last.revision, { what: 'the fast one having the last change' });
  t.equal(slow.updates.length, 2, 'one update is on its way and no more');
  const rollout = await until(async () => {
    const { body } = await plane.call('GET', '/v1/rollouts/latest');
    return body.applied === 1 && body;
  });
  t.match(rollout, {
    state: 'progressing',
    summary: 'applied 1/2',
    laggards: [{ sidecar: 'slow', acked: slow.updates[0]?.revision }],
  });
  slow.ack(slow.updates[1]!);
  await until(() => slow.updates.length === 3);
  const merged = slow.updates[2]!;
  t.same(keysOf(merged), ['Route/r1', 'Route/r2', 'Route/r3', 'Route/r4']);
  t.same(merged.removed, [{ kind: 'Route', name: 'r0' }]);
  t.ok(merged.revision > last.revision);
  slow.ack(merged);
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).body.summary === 'applied 2/2');
  t.same([...slow.documents].sort(), [...fast.documents].sort());
});

t.test('a refusal shows in the rollout with its text until a later version is accepted', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const good = new Sidecar(t, plane.push, 'good');
  const picky = new Sidecar(t, plane.push, 'picky');
  await until(() => good.updates.length === 1 && picky.updates.length === 1);
  picky.autoAck = ({ resources }) =>
    resources.map(({ key, revision }) => ({ key, revision, error: `cannot use ${key.name}` }));
  const { body: first } = await plane.call('PUT', '/v1/routes/r', toEcho);
  const rejected = await until(async () => {
    const { body } = await plane.call('GET', `/v1/rollouts/${first.revision}`);
    return body.state === 'rejected' && body.laggards.length === 0 && body;
  });
  t.match(rejected, {
    summary: 'applied 1/2, rejected by 1',
    rejected: [{ sidecar: 'picky', kind: 'Route', name: 'r', error: 'cannot use r' }],
  });
  const { body: sidecars } = await plane.call('GET', '/v1/sidecars');
  t.match(sidecars.items, [
    { sidecar: 'good', rejected: [] },
    { sidecar: 'picky', rejected: [{ name: 'r', error: 'cannot use r' }] },
  ]);
  picky.autoAck = () => [];
  const { body: second } = await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { v: '2' } });
  for (const revision of [first.revision, second.revision])
    await until(async () => (await plane.call('GET', `/v1/rollouts/${revision}`)).body.summary === 'applied 2/2');
});

t.test('a stream that never answers is closed with the reason, and the others do not notice', async (t) => {
  const plane = await startPlane(t, { ackTimeoutMs: 400 });
  await plane.call('PUT', '/v1/services/echo', {});
  const stuck = new Sidecar(t, plane.push, 'stuck', { autoAck: false });
  const fine = new Sidecar(t, plane.push, 'fine');
  await until(() => stuck.updates.length === 1 && fine.updates.length === 1);
  await plane.call('PUT', '/v1/routes/r', toEcho);
  await until(() => fine.updates.length === 2);
  const ended = await until(() => stuck.ended);
  t.equal(ended.code, grpc.status.DEADLINE_EXCEEDED);
  t.match(ended.details, /no answer to an update within 0\.4 s/);
  t.equal(fine.ended, null);
  const { body } = await plane.call('GET', '/v1/rollouts/latest');
  t.match(body, {
    state: 'progressing',
    summary: 'applied 1/2',
    laggards: [{ sidecar: 'stuck', acked: 0, connected: false }],
    disconnected: [{ sidecar: 'stuck', acked: 0 }],
  });
  t.match((await plane.call('GET', '/metrics')).body, /meshlane_control_plane_sidecars_cut_off_total 1/);
});

t.test('a stream that does not even read is cut off, however much waits for it', async (t) => {
  const plane = await startPlane(t, { ackTimeoutMs: 300 });
  const big = { a: 'x'.repeat(256) };
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`label-${i}`, big.a]));
  const resources = Array.from({ length: 400 }, (_, i) => ({ kind: 'Service', name: `s${i}`, labels }));
  t.equal((await plane.call('POST', '/v1/apply', { resources })).status, 200);
  const sidecar = new Sidecar(t, plane.push, 'deaf', { autoAck: false, hello: false });
  sidecar.stream.pause();
  sidecar.stream.removeAllListeners('data');
  sidecar.stream.write({ hello: helloOf('deaf') });
  await until(async () => (await plane.call('GET', '/v1/sidecars')).body.items.length === 1);
  await until(() => sidecar.ended, { what: 'the cut' });
  t.match((await plane.call('GET', '/v1/sidecars')).body.items, [{ sidecar: 'deaf', connected: false }]);
});

t.test('a second stream of the same sidecar takes over', async (t) => {
  const plane = await startPlane(t);
  const first = new Sidecar(t, plane.push, 'same');
  await until(() => first.updates.length === 1);
  const second = new Sidecar(t, plane.push, 'same');
  const ended = await until(() => first.ended);
  t.match(ended, { code: grpc.status.ABORTED, details: /opened another stream/ });
  await until(() => second.updates.length === 1);
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).status === 404);
  t.match((await plane.call('GET', '/v1/sidecars')).body.items, [{ sidecar: 'same', connected: true }]);
});

t.test('a sidecar that goes is listed as disconnected and no longer counted', async (t) => {
  const plane = await startPlane(t);
  const { body } = await plane.call('PUT', '/v1/services/echo', {});
  const [stays, goes] = [new Sidecar(t, plane.push, 'stays'), new Sidecar(t, plane.push, 'goes')];
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).body.summary === 'applied 2/2');
  goes.stream.cancel();
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).body.total === 1);
  t.match((await plane.call('GET', '/v1/rollouts/latest')).body, {
    state: 'applied',
    disconnected: [{ sidecar: 'goes', service: 'goes', acked: body.revision }],
  });
  t.equal(stays.ended, null);
});

t.test('a stream must begin with a Hello that has a name, and noise on the port harms nobody', async (t) => {
  const plane = await startPlane(t);
  const nameless = new Sidecar(t, plane.push, '');
  t.equal((await until(() => nameless.ended)).code, grpc.status.INVALID_ARGUMENT);
  const early = new Sidecar(t, plane.push, 'x', { hello: false });
  early.stream.write({ ack: { revision: 1, rejected: [] } });
  t.match(await until(() => early.ended), { code: grpc.status.INVALID_ARGUMENT, details: /must be Hello/ });
  const noise = connect(plane.pushAddress.port, '127.0.0.1', () => noise.end('GET / HTTP/1.1\r\n\r\n'));
  noise.on('error', () => undefined).resume();
  await until(() => noise.destroyed);
  const fine = new Sidecar(t, plane.push, 'fine');
  await until(() => fine.updates.length === 1);
});

t.test('streams end when the control plane stops', async (t) => {
  const plane = await startPlane(t);
  const sidecar = new Sidecar(t, plane.push, 'a');
  await until(() => sidecar.updates.length === 1);
  await plane.close();
  t.match(await until(() => sidecar.ended), { code: grpc.status.UNAVAILABLE });
});

t.test('a change reaches 40 sidecars within milliseconds of its answer', async (t) => {
  const plane = await startPlane(t);
  await plane.call('PUT', '/v1/services/echo', {});
  const sidecars = Array.from({ length: 40 }, (_, i) => new Sidecar(t, plane.push, `s-${i}`));
  await until(() => sidecars.every(({ updates }) => updates.length > 0));
  const delays: number[] = [];
  for (let i = 0; i < 20; i++) {
    const { body } = await plane.call('PUT', '/v1/routes/r', { ...toEcho, labels: { i: `${i}` } });
    const answeredMs = performance.now();
    await until(() => sidecars.every(({ updates }) => (updates.at(-1)?.revision ?? 0) >= body.revision), {
      everyMs: 1,
    });
    delays.push(performance.now() - answeredMs);
  }
  delays.sort((a, b) => a - b);
  t.comment(`answer to the last of 40: median ${delays[10]?.toFixed(1)} ms, longest ${delays[19]?.toFixed(1)} ms`);
  t.ok(delays[10]! < 200);
});

t.test('a rollout waits for a sidecar that is away, for a minute, unless it left the mesh', async (t) => {
  let skippedMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const plane = await startPlane(t, { clock });
  const state = async () => (await plane.call('GET', '/v1/rollouts/latest')).body;
  await plane.call('POST', '/v1/apply', { resources: [echo, echo1] });
  const [stays, lost, leaves] = ['stays', 'lost', 'echo-1'].map((name) => new Sidecar(t, plane.push, name));
  await until(async () => (await state()).summary === 'applied 3/3');
  await callInstance(leaves!.client, 'deregister', 'echo-1');
  leaves!.autoAck = null;
  leaves!.stream.cancel();
  lost!.autoAck = null;
  lost!.stream.cancel();
  await until(async () => (await plane.call('GET', '/v1/status')).body.sidecars.connected === 1);
  const { body } = await plane.call('PUT', '/v1/routes/r', toEcho);
  await until(() => stays!.updates.at(-1)!.revision >= body.revision);
  t.match(await until(async () => (await state()).applied === 1 && state()), {
    state: 'progressing',
    summary: 'applied 1/2',
    laggards: [{ sidecar: 'lost', connected: false }],
  });
  skippedMs = 61_000;
  t.match(await state(), { state: 'applied', summary: 'applied 1/1', laggards: [] });
});

t.test('right after a start no rollout is done before the sidecars had time to come back', async (t) => {
  let skippedMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + skippedMs };
  const store = `sqlite:${tempFolder(t)}/mesh.db`;
  const before = await startPlane(t, { store });
  const leased = { ...echo1, spec: { ...echo1.spec, leaseSeconds: 60 } };
  await before.call('POST', '/v1/apply', { resources: [echo, leased] });
  await before.close();
  const plane = await startPlane(t, { store, clock });
  const state = async () => (await plane.call('GET', '/v1/rollouts/latest')).body;
  t.match(await state(), { state: 'progressing', laggards: [{ sidecar: 'echo-1', connected: false }] });
  new Sidecar(t, plane.push, 'other');
  await until(async () => (await state()).summary === 'applied 1/2');
  t.match(await state(), { state: 'progressing', laggards: [{ sidecar: 'echo-1' }] });
  skippedMs = 5_001;
  t.match(await state(), { state: 'applied', summary: 'applied 1/1' });
});

t.test('a mesh without a sidecar is applied 0/0, once one would have come', async (t) => {
  const plane = await startPlane(t, { reconnectMs: 300 });
  await plane.call('PUT', '/v1/services/echo', {});
  t.match((await plane.call('GET', '/v1/rollouts/latest')).body, { state: 'progressing', summary: 'applied 0/0' });
  await until(async () => (await plane.call('GET', '/v1/rollouts/latest')).body.state === 'applied');
});

t.test('of the texts of a sidecar, only as much is kept as is useful', async (t) => {
  const plane = await startPlane(t);
  const sidecar = new Sidecar(t, plane.push, 'a', { hello: false });
  sidecar.stream.write({ hello: { ...helloOf('a'), service: 's'.repeat(1_000_000), version: 'v'.repeat(10_000) } });
  await until(() => sidecar.updates.length === 1);
  const [known] = (await plane.call('GET', '/v1/sidecars')).body.items;
  t.same([known.service.length, known.version.length], [253, 64]);
  const loud = new Sidecar(t, plane.push, 'b', { hello: false });
  loud.stream.write({ hello: { ...helloOf('b'), service: 's'.repeat(5_000_000) } });
  t.match(await until(() => loud.ended), { code: grpc.status.RESOURCE_EXHAUSTED });
});
