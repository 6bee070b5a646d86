import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { putByHand, startEtcd } from '../etcd.ts';
import { serveMesh } from './served-mesh.ts';

t.test(
  'what somebody broke by hand in etcd is reported and left out, and the rest is served',
  await skipWithout('etcd'),
  async (t) => {
    const etcd = await startEtcd(t);
    const store = `etcd://${etcd.address}/mesh`;
    const mesh = await serveMesh(t, store);
    const broken = {
      'Route/text': 'no JSON',
      'Route/list': '[1, 2]',
      'Route/other-name': '{"kind":"Route","name":"elsewhere","spec":{"rules":[]}}',
      'Service/bad-field': '{"kind":"Service","name":"bad-field","spec":{"protocol":"carrier-pigeon"}}',
      'Service/bytes': Buffer.from([0xff, 0xfe, 0x00]),
      'no-slash': 'x',
      'Unknown/kind': '{}',
      'meta/mesh': '{"id": 7}',
    };
    for (const [key, value] of Object.entries(broken)) await putByHand(etcd, `/mesh/${key}`, value);
    const told = ['Route/text', 'Route/list', 'Route/other-name', 'Service/bad-field', 'Service/bytes'];
    await until(() => told.every((key) => mesh.plane.output().includes(key)), { what: 'the reports' });
    await mesh.recovers(t);
    const { body } = await mesh.call('GET', '/v1/services');
    t.notMatch(JSON.stringify(body), /bad-field|bytes/);

    const later = await serveMesh(t, store);
    t.ok(
      told.every((key) => later.plane.output().includes(key)),
      'one that starts now reports them too',
    );
    await later.recovers(t);
    for (const { plane } of [mesh, later]) t.same(await plane.stop(), { code: 0, signal: null });
  },
);
