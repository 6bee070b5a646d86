import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { pause, startEtcdCluster, startMemberAgain } from '../etcd.ts';
import { serveMesh } from './served-mesh.ts';

t.test('three members of etcd', await skipWithout('etcd'), async (whole) => {
  let members = await startEtcdCluster(whole);
  const mesh = await serveMesh(whole, `etcd://${members.map(({ address }) => address).join()}/mesh`);

  whole.test('of which one stands still and goes on, are as good as before', async (t) => {
    const goOn = await pause(members[0]!.process);
    await mesh.recovers(t);
    goOn();
  });

  whole.test('of which one is left are neither read nor written, and sidecars keep what they have', async (t) => {
    const [left, ...others] = members;
    await Promise.all(others.map(({ process }) => process.kill9()));
    await until(async () => (await mesh.readiness()).status === 503, { what: 'the loss being noticed' });
    t.match(await mesh.putService('refused'), { status: 503, body: { type: '/docs#problem-unavailable' } });
    t.equal((await mesh.call('GET', '/v1/services/kept-1')).status, 200);
    t.equal(mesh.sidecar.ended, null);
    members = [left!, ...(await Promise.all(others.map((member) => startMemberAgain(whole, member))))];
    await mesh.recovers(t);
    t.equal((await mesh.readiness()).status, 200);
  });

  whole.test('end nothing', async (t) => {
    t.same(await mesh.plane.stop(), { code: 0, signal: null });
    // One after the other, they would wait for those that are gone.
    await Promise.all(members.map(({ process }) => process.kill9()));
  });
});
