import t from 'tap';
import { until } from '../harness/until.ts';
import { policy } from './harness/resources.ts';
import { staticProxy } from './harness/static-proxy.ts';
import { callerOf, originOf, type Protocol, speaking } from './http2/calling.ts';

for (const protocol of ['http1', 'http2'] as Protocol[]) {
  t.test(
    `an instance at its limit is passed over, and when all are the request is refused, over ${protocol}`,
    async (t) => {
      const held: (() => void)[][] = [[], []];
      const ports = await Promise.all(
        held.map((waiting) => originOf(t, protocol, (_, answer) => waiting.push(() => answer.end('done')))),
      );
      const proxy = await staticProxy(t, {
        resources: [...speaking(protocol, ...ports), policy('app', { concurrency: {} })],
      });
      const limit = (instance: string) => proxy.metric('meshlane_concurrency_limit', { service: 'app', instance });
      t.equal(await limit('app-0'), 3);
      t.equal(await limit('app-1'), 3);
      const call = callerOf(t, protocol, proxy.port);
      const first = Array.from({ length: 6 }, () => call({}));
      await until(() => held.flat().length === 6);
      t.same(
        held.map(({ length }) => length),
        [3, 3],
      );
      const refused = await call({});
      t.equal(refused.status, 503);
      t.equal(refused.fields['x-meshlane-reason'], 'overloaded');
      t.equal(await proxy.metric('meshlane_limit_exceeded_total', { service: 'app', limit: 'concurrency' }), 1);
      for (const end of held[1]!.splice(0)) end();
      const next = call({});
      await until(() => held[1]!.length === 1);
      for (const end of held.flat()) end();
      t.ok((await Promise.all([...first, next])).every(({ status }) => status === 200));
    },
  );

  t.test(`the limit grows while nobody has to wait, over ${protocol}`, async (t) => {
    const port = await originOf(t, protocol, (_, answer) => setTimeout(() => answer.end('done'), 5));
    const concurrency = { updateInterval: '20ms' };
    const proxy = await staticProxy(t, { resources: [...speaking(protocol, port), policy('app', { concurrency })] });
    const call = callerOf(t, protocol, proxy.port);
    let isOver = false;
    const callers = Array.from({ length: 12 }, async () => {
      while (!isOver) await call({});
    });
    await until(async () => (await proxy.metric('meshlane_concurrency_limit')) >= 10, { what: 'a limit of 10' });
    isOver = true;
    await Promise.all(callers);
  });
}
