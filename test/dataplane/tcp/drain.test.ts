import t from 'tap';
import { until } from '../../harness/until.ts';
import { rawClient } from '../harness/raw-client.ts';
import { echoServer } from '../harness/raw-server.ts';
import { tcpServiceAt } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';

const listeners = [{ name: 'out', port: 0, protocol: 'tcp', service: 'db' }];

t.test('draining lets connections run on until they end, and takes no new ones', async (t) => {
  const server = await echoServer(t);
  const proxy = await staticProxy(t, { resources: tcpServiceAt('db', 'tcp', server.port), spec: { listeners } });
  const clients = [await rawClient(t, proxy.port), await rawClient(t, proxy.port)];
  await until(() => server.connections.length === 2);
  let isDrained = false;
  const draining = proxy.drain().then(() => {
    isDrained = true;
  });
  await until(() =>
    rawClient(t, proxy.port).then(
      ({ socket }) => void socket.destroy(),
      () => true,
    ),
  );
  for (const client of clients) {
    client.send('still here');
    await client.until((text) => text === 'still here');
    t.notOk(isDrained);
    client.end();
    await until(() => client.isClosed);
  }
  await draining;
});

t.test('draining ends after its timeout, and closing breaks what is left', async (t) => {
  const server = await echoServer(t);
  const resources = tcpServiceAt('db', 'tcp', server.port);
  const proxy = await staticProxy(t, { resources, spec: { listeners, drainTimeout: '300ms' } });
  const client = await rawClient(t, proxy.port);
  await until(() => server.connections.length === 1);
  const startMs = performance.now();
  await proxy.drain();
  t.ok(performance.now() - startMs >= 290);
  client.send('to the end');
  await client.until((text) => text === 'to the end');
  await proxy.close();
  await until(() => client.isClosed && server.connections[0]!.isClosed);
  t.ok(client.wasReset && server.connections[0]!.wasReset);
});
