import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { startTcpRelay } from '../../harness/tcp-relay.ts';
import { until } from '../../harness/until.ts';
import { pause, startEtcd } from '../etcd.ts';
import { serveMesh } from './served-mesh.ts';

t.test('etcd goes and comes back', await skipWithout('etcd'), async (whole) => {
  let etcd = await startEtcd(whole);
  const relay = await startTcpRelay(whole, etcd.address);
  const mesh = await serveMesh(whole, `etcd://${relay.address}/mesh`);
  const isCutOff = () => until(async () => (await mesh.readiness()).status === 503, { what: 'the loss being noticed' });

  whole.test('stopped, and started again', async (t) => {
    await etcd.process.stop();
    await isCutOff();
    t.match(await mesh.readiness(), { body: /^the store cannot be reached: / });
    t.equal((await mesh.call('GET', '/v1/services/kept-1')).status, 200, 'reading goes on');
    t.match(await mesh.putService('refused'), { status: 503, body: { type: '/docs#problem-unavailable' } });
    etcd = await startEtcd(whole, etcd);
    await mesh.recovers(t);
  });

  whole.test('stands still, and goes on', async (t) => {
    const goOn = await pause(etcd.process);
    await isCutOff();
    goOn();
    await mesh.recovers(t);
  });

  whole.test('is behind connections that died without a word', async (t) => {
    const silences = () => mesh.plane.output().split('said nothing for').length;
    const before = silences();
    relay.deaden();
    await until(() => silences() > before, { what: 'the silence being noticed' });
    await mesh.recovers(t);
  });

  whole.test('ends nothing', async (t) => {
    t.same(await mesh.plane.stop(), { code: 0, signal: null });
  });
});
