import t from 'tap';
import { startPlane } from '../plane.ts';
import { callInstance, newClient, register } from '../sidecar.ts';
import { fill, instance, namesOf } from './mesh.ts';

const held = (what: string) => ({
  status: 409,
  body: { type: '/docs#problem-held', detail: new RegExp(`take away ${what};.*confirm=true`) },
});

t.test('the last of several routes, removed within seconds, needs a confirmation', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { routes: 3 });
  t.equal((await plane.call('DELETE', '/v1/routes/r1')).status, 200);
  t.equal((await plane.call('DELETE', '/v1/routes/r2')).status, 200);
  t.match(await plane.call('DELETE', '/v1/routes/r3'), held('all 3 routes'));
  t.match(await plane.call('DELETE', '/v1/routes/r3?dryRun=true'), held('all 3 routes'), 'a dry run says so');
  t.same(await namesOf(plane, 'routes'), ['r3']);
  t.equal((await plane.call('DELETE', '/v1/routes/r3?confirm=true')).status, 200);
  t.same(await namesOf(plane, 'routes'), []);
});

t.test('a mesh with one route can lose it', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { routes: 1 });
  t.equal((await plane.call('DELETE', '/v1/routes/r1')).status, 200);
});

t.test('routes that came back, or were removed long ago, do not count', async (t) => {
  let movedMs = 0;
  const clock = { monotonicMs: () => performance.now() + movedMs, wallMs: () => Date.now() };
  const plane = await startPlane(t, { clock });
  await fill(plane, { routes: 2 });
  await plane.call('DELETE', '/v1/routes/r1');
  await fill(plane, { routes: 1 });
  t.equal((await plane.call('DELETE', '/v1/routes/r2')).status, 200, 'r1 is back, so one is left');
  movedMs += 11_000;
  t.equal((await plane.call('DELETE', '/v1/routes/r1')).status, 200, 'r2 was removed long ago');
});

t.test('more than half of the instances of a service, one by one or at once, need a confirmation', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 5 });
  const replies = await Promise.all([1, 2, 3, 4, 5].map((i) => plane.call('DELETE', `/v1/instances/echo-${i}`)));
  t.same(replies.map(({ status }) => status).sort(), [200, 200, 409, 409, 409]);
  t.match(
    replies.find(({ status }) => status === 409),
    held('3 of 5 instances of service "echo"'),
  );
  t.equal((await namesOf(plane, 'instances')).length, 3);
});

t.test('a service of two instances can lose both', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 2 });
  for (const name of ['echo-1', 'echo-2']) t.equal((await plane.call('DELETE', `/v1/instances/${name}`)).status, 200);
});

t.test('instances that an apply moves to another service are lost to theirs; replaced ones are not', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 3 });
  await plane.call('PUT', '/v1/services/other', {});
  const moved = { resources: [1, 2].map((i) => instance(`echo-${i}`, { service: 'other' })) };
  t.match(await plane.call('POST', '/v1/apply', moved), held('2 of 3 instances of service "echo"'));
  const replaced = { resources: [...moved.resources, instance('echo-4')] };
  t.equal((await plane.call('POST', '/v1/apply', replaced)).status, 200, 'two of three are left');
  t.equal((await plane.call('POST', '/v1/apply?confirm=true', moved)).status, 200);
});

t.test('sidecars that leave by themselves are never held, and do not count', async (t) => {
  const plane = await startPlane(t);
  const client = newClient(t, plane.push);
  for (let i = 1; i <= 6; i++) await register(client, instance(`echo-${i}`, { leaseSeconds: 60 }));
  for (let i = 1; i <= 3; i++) await callInstance(client, 'deregister', `echo-${i}`);
  t.equal((await plane.call('DELETE', '/v1/instances/echo-4')).status, 200, 'the first removal by a user');
  for (let i = 5; i <= 6; i++) await callInstance(client, 'deregister', `echo-${i}`);
  t.same(await namesOf(plane, 'instances'), []);
});

t.test('instances that get no new requests any more are lost; to delete them then is not', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 5 });
  const put = (i: number, status: string) =>
    plane.call('PUT', `/v1/instances/echo-${i}`, instance(`echo-${i}`, { status }));
  const down = { resources: [1, 2, 3, 4, 5].map((i) => instance(`echo-${i}`, { status: 'down' })) };
  t.match(await plane.call('POST', '/v1/apply', down), held('all 5 instances of service "echo"'));
  t.equal((await put(1, 'draining')).status, 200);
  t.equal((await put(2, 'down')).status, 200);
  t.match(await put(3, 'draining'), held('3 of 5 instances of service "echo"'), 'one by one');
  t.equal((await put(1, 'down')).status, 200);
  t.equal((await plane.call('DELETE', '/v1/instances/echo-1')).status, 200);
  t.match(await put(3, 'draining'), held('3 of 5 instances of service "echo"'));
  t.equal((await put(2, 'up')).status, 200);
  t.equal((await put(3, 'draining')).status, 200, 'echo-2 is back');
  t.equal((await plane.call('POST', '/v1/apply?confirm=true', down)).status, 200);
  for (const name of await namesOf(plane, 'instances'))
    t.equal((await plane.call('DELETE', `/v1/instances/${name}`)).status, 200, 'it was not there any more');
});

t.test('instances that are moved to another service one by one need a confirmation', async (t) => {
  const plane = await startPlane(t);
  await fill(plane, { instances: 3 });
  await plane.call('PUT', '/v1/services/other', {});
  const move = (i: number) => plane.call('PUT', `/v1/instances/echo-${i}`, instance(`echo-${i}`, { service: 'other' }));
  t.equal((await move(1)).status, 200);
  t.match(await move(2), held('2 of 3 instances of service "echo"'));
});

t.test('sidecars that register as draining are never held, and do not count', async (t) => {
  const plane = await startPlane(t);
  const client = newClient(t, plane.push);
  await fill(plane, { instances: 5 });
  const drain = (i: number) => register(client, instance(`echo-${i}`, { status: 'draining' }));
  for (const i of [1, 2, 3]) await drain(i);
  t.equal((await plane.call('DELETE', '/v1/instances/echo-4')).status, 200, 'the first removal by a user');
  await drain(5);
  t.equal((await namesOf(plane, 'instances')).length, 4);
});
