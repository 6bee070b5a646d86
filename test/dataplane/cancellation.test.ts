import t from 'tap';
import { until } from '../harness/until.ts';
import { get, rawClient } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** What becomes of a request whose caller leaves, or only says no more. */

t.test('a caller that resets, or closes in the middle of its request, frees the instance at once', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined, { at: 'head' });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const waiting = await rawClient(t, proxy.port);
  waiting.send(get());
  const uploading = await rawClient(t, proxy.port);
  uploading.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\nhalf');
  await until(() => origin.requests.length === 2);
  waiting.reset();
  uploading.end();
  await until(() => origin.connections.every(({ isClosed }) => isClosed), { timeoutMs: 2000 });
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 2);
});

t.test('no other try is made for a caller that has left', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('', '', 503));
  const resources = [
    ...serviceAt('app', origin.port),
    policy('app', { retry: { attempts: 10, backoff: '60s', maxBackoff: '60s' } }),
  ];
  const proxy = await staticProxy(t, { resources });
  const caller = await rawClient(t, proxy.port);
  caller.send(get());
  // The first retry goes out at once, the next one after a pause of up to a minute.
  await until(() => origin.requests.length >= 2);
  caller.reset();
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  const tried = origin.requests.length;
  t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 1);
  const other = await rawClient(t, proxy.port);
  other.send(get());
  await until(() => origin.requests.length >= tried + 2);
  t.equal(origin.requests.length, tried + 2, 'only those of the other caller came');
});

t.test('a half-closed caller is answered, and one that is gone when the answer comes frees the instance', async (t) => {
  const replies: ((bytes: string) => void)[] = [];
  const origin = await scriptedOrigin(t, ({ connection }) => {
    replies.push((bytes) => void connection.socket.write(bytes));
    return undefined;
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const patient = await rawClient(t, proxy.port);
  patient.end(get());
  await until(() => replies.length === 1);
  replies[0]!(reply('late'));
  t.equal((await patient.reply()).body.toString(), 'late');

  const gone = await rawClient(t, proxy.port);
  gone.end(get());
  await until(() => origin.requests.length === 2);
  gone.socket.destroy();
  // A reply without end: what the proxy writes is answered with a reset, after which nobody is there to write to.
  const connection = origin.requests[1]!.connection;
  connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
  await until(() => {
    if (!connection.isClosed) connection.socket.write('1\r\nx\r\n');
    return connection.isClosed;
  });
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('with halfClose: cancel the end of a caller cancels its request', async (t) => {
  const origin = await scriptedOrigin(t, ({ head }) => (head.startsWith('GET /now') ? reply('now') : undefined));
  const resources = serviceAt('app', origin.port);
  const proxy = await staticProxy(t, { resources, spec: { limits: { halfClose: 'cancel' } } });
  const caller = await rawClient(t, proxy.port);
  caller.send(get('/wait'));
  await until(() => origin.requests.length === 1);
  caller.end();
  await until(() => origin.connections[0]!.isClosed, { timeoutMs: 2000 });
  t.equal(await caller.closed(), '');
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 1);
  const whole = await rawClient(t, proxy.port);
  whole.send(get('/now'));
  t.equal((await whole.reply()).body.toString(), 'now', 'who stays is answered');
  whole.end();
  t.equal(await whole.closed(), '');
});
