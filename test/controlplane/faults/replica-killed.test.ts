import t from 'tap';
import { acquaint, type SidecarProcess, startApp, startSidecar } from '../../e2e/mesh.ts';
import { skipWithout } from '../../harness/peers.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { route } from '../holds/mesh.ts';
import { startReplica, startThree } from '../replicas/three.ts';

const needsEtcd = await skipWithout('etcd');

async function hasResource(sidecar: SidecarProcess, kind: string, name: string): Promise<boolean> {
  const { resources } = await sidecar.snapshot();
  return resources.some((resource) => resource.kind === kind && resource.name === name);
}

t.test('sidecars of a control plane that is killed move over to the others', needsEtcd, async (t) => {
  const { store, replicas } = await startThree(t);
  const push = replicas.map((replica) => replica.push).join(',');
  const state = tempFolder(t);
  const app = await startApp(t, 'echo-1');
  const [echo, caller] = await Promise.all([
    startSidecar(t, { push, state, name: 'echo-1', service: 'echo', app, more: ['--lease', '2'] }),
    startSidecar(t, { push, state, name: 'caller', service: 'caller' }),
  ]);
  await acquaint(caller, 'echo', 1);

  // One after the other, so that every sidecar has to move.
  for (const [i, replica] of replicas.slice(0, 2).entries()) {
    await replica.kill9();
    const left = replicas.slice(i + 1);
    const reply = await until(async () => {
      const put = await left[0]!.call('PUT', `/v1/routes/after-${i}`, route(`after-${i}`));
      return put.status < 300 && put;
    });
    t.ok(reply);
    for (const sidecar of [echo, caller])
      await until(() => hasResource(sidecar, 'Route', `after-${i}`), { timeoutMs: 5_000, what: 'a later change' });
    t.ok(await hasResource(caller, 'Instance', 'echo-1'));
  }
  const connected = async () => (await replicas[2]!.call('GET', '/v1/status')).body.sidecars.connected;
  await until(async () => (await connected()) === 2);
  const endMs = performance.now() + 4_000; // two leases
  await until(
    async () => {
      t.equal((await replicas[2]!.call('GET', '/v1/instances/echo-1')).status, 200);
      return performance.now() > endMs;
    },
    { everyMs: 200 },
  );

  const back = await startReplica(t, store);
  t.equal((await back.call('GET', '/v1/instances/echo-1')).status, 200, 'one that comes back knows everything');
});
