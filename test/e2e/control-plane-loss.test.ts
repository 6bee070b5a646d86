import t, { type Test } from 'tap';
import { startEtcd } from '../controlplane/etcd.ts';
import { Sidecar } from '../controlplane/sidecar.ts';
import type { Owner } from '../harness/owner.ts';
import { skipWithout } from '../harness/peers.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { Caller } from './caller.ts';
import { acquaint, type PlaneProcess, type SidecarProcess, startApp, startPlane, startSidecar } from './mesh.ts';
import { steadyLoad } from './steady-load.ts';

const leaseSeconds = 2;
/** A control plane that starts ends no lease for so long. */
const graceMs = 5_000;
const question = { host: 'product' };
const instances = ['product-1', 'product-2'];

const routeTo = (version: string, host = 'shop') => ({
  spec: { hostnames: [host], rules: [{ backends: [{ service: 'product', labels: { version } }] }] },
});

const written = 10;

/** Writes routes one after the other until the control plane is gone, and notes the last revision it acknowledged of each. */
async function writeUntilGone(plane: PlaneProcess, acknowledged: Map<string, number>): Promise<void> {
  for (let i = 0; ; i++) {
    const name = `r${i % written}`;
    try {
      const document = { ...routeTo(`v${1 + (i % 2)}`, name), labels: { write: String(i) } };
      const { status, body } = await plane.call('PUT', `/v1/routes/${name}`, document);
      if (status < 300) acknowledged.set(name, body.revision);
    } catch {
      return; // cut off by the end of the control plane, so not acknowledged
    }
  }
}

/** Looks at what a sidecar runs, all the time, and notes the fewest instances of product it knew. */
function watchInstances(t: Owner, sidecar: SidecarProcess) {
  let fewest = Number.POSITIVE_INFINITY;
  let looks = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const { resources } = await sidecar.snapshot();
      fewest = Math.min(fewest, resources.filter(({ kind }) => kind === 'Instance').length);
      looks++;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  })();
  const stop = async () => {
    isOver = true;
    await watching;
    return { fewest, looks };
  };
  t.teardown(stop);
  return { stop };
}

async function inSync(plane: PlaneProcess, names: readonly string[]): Promise<boolean> {
  const { body } = await plane.call('GET', '/v1/sidecars');
  type Status = { sidecar: string; connected: boolean; acked: number; rejected: unknown[] };
  const items = body.items as Status[];
  return names.every((name) =>
    items.some(
      ({ sidecar, connected, acked, rejected }) =>
        sidecar === name && connected && acked === body.revision && rejected.length === 0,
    ),
  );
}

async function loseAndRegain(t: Test, store: string): Promise<void> {
  const state = tempFolder(t);
  const plane = await startPlane(t, store);
  await plane.call('PUT', '/v1/services/product', {});
  const apps = await Promise.all(instances.map((name) => startApp(t, name)));
  const mesh = { push: plane.push, state };
  const fresh = { ...mesh, name: 'fresh', service: 'caller' };
  const [caller, early, ...others] = await Promise.all([
    startSidecar(t, { ...mesh, name: 'caller', service: 'caller' }),
    startSidecar(t, fresh),
    ...apps.map((app, i) => {
      const more = ['--lease', String(leaseSeconds), '--labels', `version=v${i + 1}`];
      return startSidecar(t, { ...mesh, name: instances[i]!, service: 'product', app, more });
    }),
  ]);
  const all = ['caller', 'fresh', ...instances];
  await until(() => inSync(plane, all), { what: 'a mesh in sync' });
  for (const sidecar of [caller!, early!]) await acquaint(sidecar, 'product', 2);
  await early!.stop();

  const load = steadyLoad(t, { port: caller!.outbound, question, perSecond: 150 });
  const orders = steadyLoad(t, { port: caller!.outbound, question: { ...question, method: 'POST' }, perSecond: 50 });
  const known = watchInstances(t, caller!);
  const acknowledged = new Map<string, number>();
  const writing = writeUntilGone(plane, acknowledged);
  await until(() => load.total > 50 && acknowledged.size === written, { what: 'a load, and every route acknowledged' });
  await plane.kill9();
  const lostMs = performance.now();
  await writing;

  await t.test('a sidecar that starts while the control plane is away serves what it has on disk', async (t) => {
    const late = await startSidecar(t, fresh);
    const asker = new Caller(late.outbound);
    t.teardown(() => asker.close());
    for (let i = 0; i < 20; i++) t.equal((await asker.ask(question)).status, 200);
    t.match(late.output(), /started from the saved snapshot/);
    t.strictSame(await late.stop(), { code: 0, signal: null });
  });

  // Longer than the leases, which nobody can renew meanwhile.
  await until(() => performance.now() - lostMs > leaseSeconds * 1000 + 500);
  const before = load.total;
  const again = await startPlane(t, store, plane);
  const backMs = performance.now();
  const witness = new Sidecar(t, again.push, 'witness');
  await until(() => witness.updates.length > 0, { what: 'the first update of the control plane that came back' });
  await startSidecar(t, fresh);
  await until(() => inSync(again, [...all, 'witness']), { what: 'a mesh in sync again' });
  t.comment(`${load.total - before} requests from the return of the control plane to a mesh in sync`);

  const { body } = await again.call('GET', '/v1/routes');
  const stored = new Map(
    (body.items as { name: string; revision: number }[]).map(({ name, revision }) => [name, revision]),
  );
  for (const [name, revision] of acknowledged)
    t.ok((stored.get(name) ?? 0) >= revision, `${name} is there, as acknowledged or later`);
  const { body: rollout } = await again.call('GET', '/v1/rollouts/latest');
  t.match(rollout, { state: 'applied', summary: 'applied 5/5' });

  for (const version of ['v1', 'v2', 'v1']) {
    const { body: put } = await again.call('PUT', '/v1/routes/shop', routeTo(version));
    await until(async () => (await again.call('GET', `/v1/rollouts/${put.revision}`)).body.state === 'applied');
    const asker = new Caller(caller!.outbound);
    t.equal((await asker.ask({ host: 'shop' })).from, version.replace('v', 'product-'), `a route change to ${version}`);
    asker.close();
  }

  await until(() => performance.now() - backMs > graceMs + 1000, { what: 'the end of the grace' });
  const { body: left } = await again.call('GET', '/v1/instances');
  t.strictSame(
    left.items.map(({ name }: { name: string }) => name),
    instances,
    'the leases are renewed',
  );
  const removed = witness.updates.flatMap((update) => update.removed).map(({ kind, name }) => `${kind}/${name}`);
  t.strictSame(removed, [], 'no instance was ever taken out of the mesh');
  const { fewest, looks } = await known.stop();
  t.equal(fewest, 2, `the caller knew both instances all the time (${looks} looks)`);
  t.strictSame(
    others.map((sidecar) => /registration was refused/.test(sidecar.output())),
    [false, false],
  );
  await Promise.all([load.stop(), orders.stop()]);
  t.strictSame([...load.failures, ...orders.failures], [], `none of ${load.total + orders.total} requests failed`);
}

t.test('the mesh carries on without its control plane and is in sync when it is back, with SQLite', (t) =>
  loseAndRegain(t, `sqlite:${tempFolder(t)}/mesh.db`),
);

t.test(
  'the mesh carries on without its control plane and is in sync when it is back, with etcd',
  await skipWithout('etcd'),
  async (t) => {
    const { address } = await startEtcd(t);
    await loseAndRegain(t, `etcd://${address}`);
  },
);
