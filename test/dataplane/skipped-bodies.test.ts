import t from 'tap';
import { until } from '../harness/until.ts';
import { get, rawClient } from './harness/raw-client.ts';
import { policy, route, serviceAt } from './harness/resources.ts';
import { type OriginConnection, reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** Bodies that nobody reads any more, on connections from which nothing was read for a while. */

t.test('a connection goes on behind an upload that waited too long for a connection to the instance', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined);
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('app', origin.port),
      policy('app', { connections: { max: 1 }, retry: { attempts: 0 } }),
      route(
        'uploads',
        [{ matches: [{ method: 'PUT' }], timeouts: { request: '300ms' }, backends: [{ service: 'app' }] }],
        ['uploads.test'],
      ),
    ],
    spec: { limits: { replayBytes: 1024 } },
  });
  const first = await rawClient(t, proxy.port);
  first.send(get('/held'));
  await until(() => origin.requests.length === 1);
  const client = await rawClient(t, proxy.port);
  client.send(`PUT / HTTP/1.1\r\nHost: uploads.test\r\nContent-Length: 60000\r\n\r\n${'u'.repeat(30_000)}`);
  const refused = await client.reply();
  t.equal(refused.status, 504);
  t.equal(refused.header('connection'), undefined);
  client.send(`${'u'.repeat(30_000)}${get('/next', 'nobody')}`);
  t.equal((await client.reply({ timeoutMs: 3000 })).status, 404);
});

t.test('a connection goes on behind refused uploads that were sent ahead', async (t) => {
  const waiting: OriginConnection[] = [];
  const origin = await scriptedOrigin(t, ({ head, connection }) => {
    if (!head.includes('/held')) return reply('ok');
    waiting.push(connection);
    return undefined;
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send(get('/held'));
  await until(() => waiting.length === 1);
  const upload = `PUT / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 65000\r\n\r\n${'u'.repeat(65_000)}`;
  client.send(upload.repeat(3) + get('/next'));
  await until(() => client.socket.writableLength === 0);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 1);
  waiting[0]!.socket.write(reply('held'));
  t.equal((await client.reply()).status, 200);
  for (let i = 0; i < 3; i++) t.equal((await client.reply({ timeoutMs: 3000 })).status, 404);
  t.equal((await client.reply({ timeoutMs: 3000 })).status, 200);
});

t.test('a caller that ends within a body that is refused is let go of at once', async (t) => {
  const waiting: OriginConnection[] = [];
  const origin = await scriptedOrigin(t, ({ connection }) => void waiting.push(connection));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send(get('/held'));
  await until(() => waiting.length === 1);
  client.end('PUT / HTTP/1.1\r\nHost: nobody\r\nContent-Length: 10\r\n\r\nshort');
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 1);
  waiting[0]!.socket.write(reply('held'));
  t.equal((await client.reply()).status, 200);
  t.equal((await client.reply()).status, 404);
  await client.closed(3000);
});
