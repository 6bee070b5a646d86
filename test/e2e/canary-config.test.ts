import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { rankOf } from '../../controlplane/rollout/sidecar-rank.ts';
import { Sidecar } from '../controlplane/sidecar.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { Caller } from './caller.ts';
import { type PlaneProcess, type SidecarProcess, startPlane, startSidecar } from './mesh.ts';

const key = 'Route/shop';
const routeTo = (service: string) => ({ spec: { hostnames: ['shop'], rules: [{ backends: [{ service }] }] } });
const settings = { interval: '60s', abortOn: { errorRate: 0.1 } };

/** Names of sidecars, the one that is in the first step of a rollout first. */
const namesInOrder = (names: string[]) => names.toSorted((a, b) => rankOf(a, key) - rankOf(b, key));

/** A service that answers everything with a status. */
async function startService(t: Test, plane: PlaneProcess, name: string, status: number): Promise<void> {
  const server = createServer((_request, reply) => reply.writeHead(status, { 'content-length': 0 }).end());
  t.teardown(() => server.close().closeAllConnections());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await plane.call('PUT', `/v1/services/${name}`, {});
  await plane.call('PUT', `/v1/instances/${name}-1`, { spec: { service: name, address: '127.0.0.1', port } });
}

/** A mesh whose sidecars send `shop` to a service that is well. */
async function startShop(t: Test, names: readonly string[]) {
  const plane = await startPlane(t, 'sqlite::memory:');
  await startService(t, plane, 'good', 200);
  await startService(t, plane, 'broken', 500);
  await plane.call('PUT', '/v1/routes/shop', routeTo('good'));
  const state = tempFolder(t);
  const sidecars = await Promise.all(
    names.map((name) => startSidecar(t, { push: plane.push, state: `${state}/${name}`, name, service: 'web' })),
  );
  const callers = sidecars.map(({ outbound }) => new Caller(outbound));
  t.teardown(() => callers.forEach((caller) => void caller.close()));
  const ask = () => Promise.all(callers.map(async (caller) => (await caller.ask({ host: 'shop' })).status));
  await until(async () => (await ask()).every((status) => status === 200));
  const rollout = async () => (await plane.call('GET', '/v1/routes/shop')).body.status.rollout;
  const isIn = async (wanted: string) => {
    const found = await rollout();
    return found?.state === wanted && found;
  };
  return { plane, sidecars, ask, isIn };
}

const backendOf = async (sidecar: SidecarProcess) =>
  JSON.stringify((await sidecar.snapshot()).resources.find(({ name }) => name === 'shop')?.spec);

t.test('a route to a broken backend reaches one sidecar, and is taken back by what that one reports', async (t) => {
  const { plane, sidecars, ask, isIn } = await startShop(t, namesInOrder(['web-1', 'web-2', 'web-3']));
  const put = await plane.call('PUT', '/v1/routes/shop', { ...routeTo('broken'), rollout: settings });
  await until(async () => (await ask())[0] === 500);
  const taken = await until(
    async () => {
      const [, ...others] = await ask();
      t.same(others, [200, 200], 'the others never had it');
      return isIn('rolledBack');
    },
    { timeoutMs: 20_000, what: 'the end of the rollout' },
  );
  t.match(taken, {
    step: 1,
    reason: /of the sidecars that have it failed, more than 10%; elsewhere (0 of|there were none)/,
    failed: { spec: routeTo('broken').spec, revision: put.body.revision },
  });
  t.match((await plane.call('GET', '/v1/routes/shop')).body.spec, routeTo('good').spec);
  await until(async () => (await ask()).every((status) => status === 200));
  t.match(await backendOf(sidecars[0]!), /good/);
});

t.test('a route that a sidecar refuses is taken back before others have it', async (t) => {
  const [first, ...others] = namesInOrder(['web-1', 'web-2', 'web-3']);
  const { plane, sidecars, ask, isIn } = await startShop(t, others);
  const refusing = new Sidecar(t, plane.push, first!);
  refusing.autoAck = ({ resources }) =>
    resources
      .filter(({ document }) => document.includes('broken'))
      .map(({ key, revision }) => ({ key, revision, error: 'this cannot be' }));
  await until(() => refusing.documents.has(key));
  await plane.call('PUT', '/v1/routes/shop', { ...routeTo('broken'), rollout: settings });
  const taken = await until(() => isIn('rolledBack'));
  t.equal(taken.reason, `sidecar ${first} refused it: this cannot be`);
  await until(() => JSON.stringify(refusing.documents.get(key)).includes('good'));
  for (const sidecar of sidecars) t.match(await backendOf(sidecar), /good/);
  t.same(await ask(), [200, 200]);
});

t.test('a route that does well reaches every sidecar', async (t) => {
  const { plane, ask, isIn } = await startShop(t, ['web-1', 'web-2', 'web-3']);
  await startService(t, plane, 'better', 201);
  await plane.call('PUT', '/v1/routes/shop', { ...routeTo('better'), rollout: { ...settings, interval: '1s' } });
  await until(async () => (await ask()).filter((status) => status === 201).length === 1);
  await until(() => isIn('done'), { timeoutMs: 20_000 });
  await until(async () => (await ask()).every((status) => status === 201));
});
