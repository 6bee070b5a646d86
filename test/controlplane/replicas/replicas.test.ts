import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { fill, route } from '../holds/mesh.ts';
import { Sidecar } from '../sidecar.ts';
import { leaderOf, type Replica, startReplica, startThree } from './three.ts';

const needsEtcd = await skipWithout('etcd');
const handOverMs = 5_000;

async function mustSee(replicas: readonly Replica[], path: string): Promise<void> {
  for (const replica of replicas)
    await until(async () => (await replica.call('GET', path)).status === 200, { what: `${path} at ${replica.url}` });
}

t.test('three control planes over one etcd', needsEtcd, async (t) => {
  const { store, replicas } = await startThree(t);
  await fill(replicas[0]!, { instances: 2, routes: 1 });

  await t.test('what is written through any of them is at all of them and at their sidecars', async (t) => {
    const sidecars = replicas.map(({ push }, i) => new Sidecar(t, push, `s-${i}`));
    await Promise.all(replicas.map(({ call }, i) => call('PUT', `/v1/routes/at-${i}`, route(`at-${i}`))));
    for (const [i] of replicas.entries()) {
      await mustSee(replicas, `/v1/routes/at-${i}`);
      for (const sidecar of sidecars) await until(() => sidecar.documents.has(`Route/at-${i}`));
    }
  });

  await t.test('one leads, and none while nobody can', async (t) => {
    await leaderOf(replicas);
    const leads = await Promise.all(replicas.map(({ isLeader }) => isLeader()));
    t.equal(leads.filter((isLeader) => isLeader).length, 1);
  });

  await t.test('kill -9 of the one that leads and is written to loses nothing that was acknowledged', async (t) => {
    const leader = await leaderOf(replicas);
    const others = replicas.filter((replica) => replica !== leader);
    const acknowledged: string[] = [];
    const writers = [1, 2, 3, 4].map(async (writer) => {
      for (let i = 0; ; i++) {
        const name = `w${writer}-${i}`;
        const reply = await leader.call('PUT', `/v1/services/${name}`, {}).catch(() => null);
        if (reply === null) return;
        if (reply.status < 300) acknowledged.push(name);
      }
    });
    await until(() => acknowledged.length >= 40);
    const killedMs = performance.now();
    await leader.kill9();
    await Promise.all(writers);
    await leaderOf(others);
    t.ok(performance.now() - killedMs < handOverMs, 'another one leads within 5 s');
    for (const { call } of others) {
      const { items } = (await call('GET', '/v1/services')).body as { items: { name: string }[] };
      const names = new Set(items.map(({ name }) => name));
      t.same(
        acknowledged.filter((name) => !names.has(name)),
        [],
      );
    }
    replicas.splice(replicas.indexOf(leader), 1);
  });

  await t.test('one that comes back knows everything, and one that stops hands on the lead at once', async (t) => {
    replicas.push(await startReplica(t, store));
    await mustSee(replicas, '/v1/routes/at-0');
    const leader = await leaderOf(replicas);
    const stopped = leader.stop();
    const stoppedMs = performance.now();
    await leaderOf(replicas.filter((replica) => replica !== leader));
    t.ok(performance.now() - stoppedMs < 2_000);
    await stopped;
  });
});
