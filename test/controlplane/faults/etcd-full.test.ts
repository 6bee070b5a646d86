import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { etcdctl, putByHand, startEtcd } from '../etcd.ts';
import { serveMesh } from './served-mesh.ts';

const quotaBytes = 2 * 1024 * 1024;

t.test(
  'etcd at its quota refuses writes with what to do, is read from, and takes writes once it has room',
  await skipWithout('etcd', 'etcdctl'),
  async (t) => {
    const etcd = await startEtcd(t, { flags: ['--quota-backend-bytes', String(quotaBytes)] });
    const mesh = await serveMesh(t, `etcd://${etcd.address}/mesh`);
    // Values of the same key pile up until etcd is compacted.
    const full = await until(async () => {
      const { body } = await putByHand(etcd, 'fill', 'x'.repeat(200_000));
      return body.error && body;
    });
    t.match(full, { error: /database space exceeded/ });
    const refused = await mesh.putService('refused');
    t.match(refused, {
      status: 507,
      body: { type: '/docs#problem-store_full', detail: /etcdctl defrag.*etcdctl alarm disarm/ },
    });
    t.match(await mesh.call('GET', '/v1/services/kept-1'), { status: 200 });
    t.equal((await mesh.call('GET', '/v1/services/refused')).status, 404);
    t.equal((await mesh.readiness()).status, 200, 'it is followed as ever');

    const got = JSON.parse(await etcdctl(etcd, 'get', 'fill', '-w', 'json')) as { header: { revision: number } };
    await etcdctl(etcd, 'compact', String(got.header.revision));
    await etcdctl(etcd, 'defrag');
    await etcdctl(etcd, 'alarm', 'disarm');
    await mesh.recovers(t);
    t.same(await mesh.plane.stop(), { code: 0, signal: null });
  },
);
