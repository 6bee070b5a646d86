import t from 'tap';
import { skipWithout } from '../../harness/peers.ts';
import { until } from '../../harness/until.ts';
import { startEtcd } from '../etcd.ts';
import { serveMesh } from './served-mesh.ts';

t.test(
  'etcd that is killed under writes has all that was acknowledged, and half of nothing',
  await skipWithout('etcd'),
  async (t) => {
    let etcd = await startEtcd(t);
    const mesh = await serveMesh(t, `etcd://${etcd.address}/mesh`);
    const acknowledged = new Set<string>();
    let isOver = false;
    /** Each write makes a pair, which may be there whole or not at all. */
    const write = async (writer: number) => {
      for (let i = 0; !isOver; i++) {
        const name = `w${writer}-${i}`;
        const resources = ['left', 'right'].map((side) => ({ kind: 'Service', name: `${name}-${side}` }));
        if ((await mesh.call('POST', '/v1/apply', { resources })).status === 200) acknowledged.add(name);
      }
    };
    const writers = [1, 2, 3, 4].map((writer) => write(writer));
    for (const count of [60, 120]) {
      await until(() => acknowledged.size >= count, { what: 'writes' });
      await etcd.process.kill9();
      etcd = await startEtcd(t, etcd);
    }
    await until(() => acknowledged.size >= 180, { what: 'writes after the second kill' });
    isOver = true;
    await Promise.all(writers);
    const { body } = await mesh.call('GET', '/v1/services');
    const names = new Set(body.items.map(({ name }: { name: string }) => name));
    t.same(
      [...acknowledged].filter((name) => !names.has(`${name}-left`)),
      [],
      'what was acknowledged is there',
    );
    const pairs = [...names].filter((name) => /-left$|-right$/.test(String(name)));
    const halves = pairs.filter(
      (name) =>
        !names.has(String(name).replace(/left$/, 'right')) || !names.has(String(name).replace(/right$/, 'left')),
    );
    t.same(halves, [], 'nothing is half there');
    await mesh.recovers(t);
    await until(() => pairs.every((name) => mesh.sidecar.documents.has(`Service/${name}`)), {
      what: 'all at the sidecar',
    });
    t.same(await mesh.plane.stop(), { code: 0, signal: null });
  },
);
