import t from 'tap';
import { skipWithout } from '../harness/peers.ts';
import { until } from '../harness/until.ts';
import { startEtcd } from './etcd.ts';
import { callApi, echo, echo1, type Plane, startPlane, toEcho } from './plane.ts';
import { callInstance, newClient, register, Sidecar } from './sidecar.ts';

const needsEtcd = await skipWithout('etcd');
let prefixes = 0;
const storeAt = (address: string) => `etcd://${address}/plane-${++prefixes}`;
const routeTo = (service: string) => ({ spec: { rules: [{ backends: [{ service }] }] } });

t.test('two control planes on one etcd', needsEtcd, async (t) => {
  const { address } = await startEtcd(t);

  const pair = async (t: Parameters<typeof startPlane>[0]): Promise<[Plane, Plane]> => {
    const store = storeAt(address);
    return [await startPlane(t, { store }), await startPlane(t, { store })];
  };

  t.test('what one stores the other shows, pushes and keeps', async (t) => {
    const [a, b] = await pair(t);
    const sidecar = new Sidecar(t, b.push, 's');
    await until(() => sidecar.updates.length === 1);
    const put = await a.call('POST', '/v1/apply', { resources: [echo, { kind: 'Route', name: 'r', ...toEcho }] });
    await until(() => sidecar.documents.size === 2);
    t.equal(sidecar.updates.at(-1)?.revision, put.body.revision, 'one update at the revision of the answer');
    t.same((await b.call('GET', '/v1/routes/r')).body, (await a.call('GET', '/v1/routes/r')).body);
    await until(async () => (await b.call('GET', `/v1/rollouts/${put.body.revision}`)).body.summary === 'applied 1/1');
  });

  t.test('a route and the removal of its service, sent to different ones at once, never both succeed', async (t) => {
    const [a, b] = await pair(t);
    for (let i = 0; i < 25; i++) {
      await a.call('PUT', `/v1/services/s${i}`, {});
      await until(async () => (await b.call('GET', `/v1/services/s${i}`)).status === 200);
      const [put, removal] = await Promise.all([
        a.call('PUT', `/v1/routes/r${i}`, routeTo(`s${i}`)),
        b.call('DELETE', `/v1/services/s${i}`),
      ]);
      t.ok(
        (put.status === 201 && removal.status === 409) || (put.status === 400 && removal.status === 200),
        `${put.status} ${removal.status}`,
      );
    }
  });

  t.test('writers at both make every change once', async (t) => {
    const [a, b] = await pair(t);
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) => (i % 2 ? a : b).call('PUT', `/v1/services/s${i}`, {})),
    );
    t.same(new Set(replies.map(({ status }) => status)), new Set([201]));
    t.equal(new Set(replies.map(({ body }) => body.revision)).size, 60);
  });

  t.test('heartbeats at one keep an instance alive at both; without them it goes from both', async (t) => {
    const [a, b] = await pair(t);
    const client = newClient(t, a.push);
    await register(client, { ...echo1, spec: { ...echo1.spec, leaseSeconds: 2 } });
    await until(async () => (await b.call('GET', '/v1/instances/echo-1')).status === 200);
    const renew = setInterval(() => void callInstance(client, 'heartbeat', 'echo-1').catch(() => undefined), 300);
    t.teardown(() => clearInterval(renew));
    const endMs = performance.now() + 5_000;
    await until(
      async () => {
        t.equal((await b.call('GET', '/v1/instances/echo-1')).status, 200);
        return performance.now() > endMs;
      },
      { everyMs: 200 },
    );
    clearInterval(renew);
    await until(async () => (await b.call('GET', '/v1/instances/echo-1')).status === 404);
    await until(async () => (await a.call('GET', '/v1/instances/echo-1')).status === 404);
  });

  t.test('more resources than etcd takes at once are refused with what to do, and nothing is stored', async (t) => {
    const plane = await startPlane(t, { store: storeAt(address) });
    const resources = Array.from({ length: 200 }, (_, i) => ({ kind: 'Service', name: `s${i}` }));
    t.match(await plane.call('POST', '/v1/apply', { resources }), {
      status: 413,
      body: { detail: /at most 126 .*smaller parts/ },
    });
    t.equal((await plane.call('GET', '/v1/services')).body.items.length, 0);
    t.equal((await plane.call('POST', '/v1/apply', { resources: resources.slice(0, 126) })).status, 200);
  });

  t.test('an entry that somebody broke by hand is left out and logged, and the rest goes on', async (t) => {
    const store = storeAt(address);
    const plane = await startPlane(t, { store });
    await plane.call('PUT', '/v1/services/echo', {});
    const key = Buffer.from(`${store.replace(`etcd://${address}`, '')}/Route/broken`).toString('base64');
    const value = Buffer.from('{"kind":"Route","name":"broken","spec":{}}').toString('base64');
    await callApi(`http://${address}`, 'POST', '/v3/kv/put', { key, value });
    await until(() => plane.logged.some((line) => line.includes('Route/broken')));
    t.equal((await plane.call('GET', '/v1/routes/broken')).status, 404);
    t.equal((await plane.call('PUT', '/v1/routes/fine', toEcho)).status, 201);
  });
});

t.test('etcd that goes and comes back', needsEtcd, async (t) => {
  const etcd = await startEtcd(t);
  const plane = await startPlane(t, { store: storeAt(etcd.address) });
  await plane.call('PUT', '/v1/services/echo', {});
  await plane.call('PUT', '/v1/instances/echo-1', { ...echo1, spec: { ...echo1.spec, leaseSeconds: 2 } });
  const sidecar = new Sidecar(t, plane.push, 's');
  await until(() => sidecar.documents.size === 2);
  await etcd.process.kill9();

  await until(async () => (await plane.call('GET', '/readyz')).status === 503, { what: 'the loss being noticed' });
  t.equal((await plane.call('GET', '/v1/services/echo')).status, 200, 'reading goes on');
  const refused = await plane.call('PUT', '/v1/routes/r', toEcho);
  t.match(refused, { status: 503, body: { type: '/docs#problem-unavailable' } });
  t.equal((await plane.call('POST', '/v1/instances/echo-1/heartbeat')).status, 200, 'heartbeats are taken');
  t.equal(sidecar.ended, null, 'streams stay');

  const again = await startEtcd(t, etcd);
  await until(async () => (await plane.call('GET', '/readyz')).status === 200, { what: 'the return being noticed' });
  t.equal(
    (await plane.call('POST', '/v1/instances/echo-1/heartbeat')).status,
    200,
    'the instance has not been removed',
  );
  const put = await until(async () => {
    const reply = await plane.call('PUT', '/v1/routes/r', toEcho);
    return reply.status < 300 ? reply : null;
  });
  await until(() => sidecar.documents.has('Route/r'));
  t.ok(put.body.revision > 0);

  // Compacted while nobody watched: the watch cannot be taken up, so everything is listed again.
  await again.process.kill9();
  await until(async () => (await plane.call('GET', '/readyz')).status === 503);
  const other = await startEtcd(t, etcd);
  const compacted = await until(async () => {
    const { body } = await callApi(`http://${etcd.address}`, 'POST', '/v3/kv/range', {
      key: Buffer.from('x').toString('base64'),
    });
    return callApi(`http://${etcd.address}`, 'POST', '/v3/kv/compaction', { revision: body.header.revision });
  });
  t.equal(compacted.status, 200);
  await until(async () => (await plane.call('PUT', '/v1/routes/after', toEcho)).status < 300);
  await until(() => sidecar.documents.has('Route/after'));
  await other.process.stop();
});

t.test('a control plane waits for an etcd that is not there yet', needsEtcd, async (t) => {
  const etcd = await startEtcd(t);
  await etcd.process.kill9();
  const starting = startPlane(t, { store: storeAt(etcd.address) });
  await startEtcd(t, etcd);
  const plane = await starting;
  t.equal((await plane.call('PUT', '/v1/services/echo', {})).status, 201);
});

t.test('a control plane that waits for etcd can be stopped', async (t) => {
  const abort = new AbortController();
  const starting = startPlane(t, { store: 'etcd://127.0.0.1:1', signal: abort.signal });
  abort.abort();
  await t.rejects(starting, /stopped before the store could be read/);
});
