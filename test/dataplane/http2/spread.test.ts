import t from 'tap';
import { until } from '../../harness/until.ts';
import { get, rawClient } from '../harness/raw-client.ts';
import { instance, service } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';

const workers = 3;

const connectionsOf = (proxy: StaticProxy): Promise<number[]> =>
  Promise.all(
    Array.from({ length: workers }, (_, worker) =>
      proxy.metric('meshlane_worker_connections', { worker: String(worker), listener: 'in' }),
    ),
  );

t.test('each worker of a sidecar gets a connection of a caller that has requests at the same time', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const callee = await staticProxy(t, { appPort: origin.port, spec: { workers } });
  const place = instance('app-1', 'app', callee.inboundPort, { protocol: 'http2', workers });
  const caller = await staticProxy(t, { resources: [service('app'), place] });
  const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(t, caller.port)));
  const round = async () => {
    for (const client of clients) client.send(get('/', 'app'));
    for (const client of clients) t.equal((await client.reply()).status, 200);
    return connectionsOf(callee);
  };
  await until(async () => (await round()).every((count) => count === 1), { what: 'a connection to each worker' });
});

t.test('one connection is enough where there is one worker', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const callee = await staticProxy(t, { appPort: origin.port });
  const place = instance('app-1', 'app', callee.inboundPort, { protocol: 'http2' });
  const caller = await staticProxy(t, { resources: [service('app'), place] });
  const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(t, caller.port)));
  for (let i = 0; i < 5; i++) {
    for (const client of clients) client.send(get('/', 'app'));
    for (const client of clients) t.equal((await client.reply()).status, 200);
  }
  t.equal(await callee.metric('meshlane_connections', { listener: 'in' }), 1);
});
