import { rmSync } from 'node:fs';
import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { startTcpRelay } from '../../harness/tcp-relay.ts';
import { until } from '../../harness/until.ts';
import { etcdctl, startEtcd } from '../etcd.ts';
import { Sidecar } from '../sidecar.ts';
import { serveMesh } from './served-mesh.ts';

t.test('etcd comes back as another one', await skipWithout('etcd', 'etcdctl'), async (whole) => {
  let etcd = await startEtcd(whole);
  const relay = await startTcpRelay(whole, etcd.address);
  const mesh = await serveMesh(whole, `etcd://${relay.address}/mesh`);

  whole.test('is changed and compacted while the control plane is cut off', async (t) => {
    relay.cut();
    await until(async () => (await mesh.readiness()).status === 503, { what: 'the loss being noticed' });
    const service = JSON.stringify({ kind: 'Service', name: 'meanwhile', labels: {}, spec: { protocol: 'http1' } });
    await etcdctl(etcd, 'put', '/mesh/Service/meanwhile', service);
    const got = JSON.parse(await etcdctl(etcd, 'get', 'x', '-w', 'json')) as { header: { revision: number } };
    await etcdctl(etcd, 'compact', String(got.header.revision));
    relay.mend();
    await until(() => mesh.sidecar.documents.has('Service/meanwhile'), { timeoutMs: 5_000 });
    await mesh.recovers(t);
  });

  whole.test('comes back empty', async (t) => {
    await etcd.process.kill9();
    rmSync(etcd.folder, { recursive: true });
    etcd = await startEtcd(whole, etcd);
    await until(() => mesh.plane.output().includes('the store is another one than before'), { timeoutMs: 5_000 });
    await until(async () => (await mesh.putService('anew')).status === 201, { timeoutMs: 5_000 });
    t.match(mesh.sidecar.ended, { details: /the store was replaced/ });
    const again = new Sidecar(t, mesh.plane.push, 'side-1');
    await until(() => again.documents.has('Service/anew'), { timeoutMs: 5_000 });
    t.ok(again.documents.has('Service/kept-1'), 'what the store lost is held');
  });

  whole.test('ends nothing', async (t) => {
    t.same(await mesh.plane.stop(), { code: 0, signal: null });
  });
});
