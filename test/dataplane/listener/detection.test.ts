import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import t from 'tap';
import { makeCertificate } from '../../harness/certificate.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { ask, get, isReset, RawClient, rawClient } from '../harness/raw-client.ts';
import { echoServer, rawServer } from '../harness/raw-server.ts';
import { instance, policy, route, service, serviceAt, tcpServiceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { clientHello, record, serverNameExtension } from './hello-bytes.ts';

/** One port on which callers speak what they like. */

const listeners = [{ name: 'out', port: 0, service: 'db' }];
const helloFor = (name: string) =>
  record(clientHello({ session: Buffer.alloc(0), suites: 1, before: [serverNameExtension(name)], after: [] }));
const received = 'meshlane_tcp_received_bytes_total';

for (const workers of [1, 2])
  t.test(`HTTP/1, h2c, TLS and other bytes are told apart on one port, with ${workers} workers`, async (t) => {
    const web = await scriptedOrigin(t, ({ head }) => reply(head.split(' ')[1]));
    const db = await echoServer(t);
    const secured = await echoServer(t);
    const proxy = await staticProxy(t, {
      resources: [
        ...serviceAt('web', web.port),
        ...tcpServiceAt('db', 'auto', db.port),
        ...serviceAt('tls.test', secured.port),
      ],
      spec: { listeners, workers },
    });
    const http1 = await ask(t, proxy.port, get('/one', 'web'));
    t.equal(http1.body.toString(), '/one');
    const session = connectHttp2(`http://127.0.0.1:${proxy.port}`);
    t.teardown(() => session.destroy());
    const stream = session.request({ ':path': '/two', ':authority': 'web' });
    stream.setEncoding('utf8');
    t.equal((await stream.toArray()).join(''), '/two');
    const hello = helloFor('tls.test');
    for (const [bytes, server] of [
      [hello, secured],
      [randomBytes(100).fill(0, 0, 1), db],
      [Buffer.from('*1\r\n$4\r\nPING\r\n'), db],
    ] as const) {
      const client = await rawClient(t, proxy.port);
      const before = server.connections.length;
      client.send(bytes);
      await client.until((text) => text.length === bytes.length);
      t.ok(Buffer.from(client.received, 'latin1').equals(bytes));
      t.equal(server.connections.length, before + 1);
      client.end();
    }
    t.equal(web.requests.length, 2);
    t.equal(await proxy.metric(received, { service: 'tls.test' }), hello.length);
  });

t.test('byte by byte nothing is lost or taken for something else', async (t) => {
  const web = await scriptedOrigin(t, ({ head }) => reply(head));
  const db = await echoServer(t);
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('web', web.port), ...tcpServiceAt('db', 'auto', db.port)],
    spec: { listeners, limits: { detectTimeout: '0s' } },
  });
  const request = `\r\n${get('/slowly', 'web')}`;
  const cases: [Buffer, (received: string) => boolean][] = [
    [Buffer.from(request), (text) => text.startsWith('HTTP/1.1 200') && text.includes('GET /slowly')],
    [Buffer.from('OPTIONS rtsp://a RTSP/1.0\r\n\r\n'), (text) => text === 'OPTIONS rtsp://a RTSP/1.0\r\n\r\n'],
    [Buffer.from('PRI * HTTP/2.0\r\n\r\nS?'), (text) => text.startsWith('HTTP/1.1 505')],
    [Buffer.from('PRI * RTSP'), (text) => text === 'PRI * RTSP'],
    [helloFor('nowhere.test'), (text) => text === helloFor('nowhere.test').toString('latin1')],
  ];
  for (const [bytes, isRight] of cases) {
    const client = await rawClient(t, proxy.port);
    for (const byte of bytes) {
      client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.until(isRight, JSON.stringify(bytes.toString('latin1')));
    client.socket.destroy();
  }
});

t.test(
  'a caller that ends before it is known what it speaks is carried if other bytes are, and else refused',
  async (t) => {
    const db = await echoServer(t);
    const carrying = await staticProxy(t, { resources: tcpServiceAt('db', 'auto', db.port), spec: { listeners } });
    const plain = await staticProxy(t);
    for (const bytes of ['GET', 'PRI * HTTP/2.0\r\n', '\r']) {
      const carried = await rawClient(t, carrying.port);
      carried.end(bytes);
      await until(() => carried.isClosed);
      t.equal(carried.received, bytes);
      const refused = await rawClient(t, plain.port);
      refused.end(bytes);
      t.notMatch(await refused.closed(2000), bytes);
    }
    const half = await rawClient(t, carrying.port);
    const hello = helloFor('db').subarray(0, 20).toString('latin1');
    half.end(hello);
    await until(() => half.isClosed);
    t.equal(half.received, hello, 'without its name it goes where the listener says');
  },
);

for (const transportKind of ['handle', 'socket'] as const)
  t.test(`what comes at once with the first bytes waits for the instance (${transportKind})`, async (t) => {
    const db = await echoServer(t);
    const resources = tcpServiceAt('db', 'auto', db.port);
    const proxy = await staticProxy(t, { resources, spec: { listeners }, transportKind });
    for (const beginning of [helloFor('db'), Buffer.from('\0')]) {
      const bytes = Buffer.concat([beginning, randomBytes(1_000_000)]);
      const client = await rawClient(t, proxy.port);
      client.send(bytes);
      await client.until((text) => text.length === bytes.length);
      t.ok(Buffer.from(client.received, 'latin1').equals(bytes));
      client.socket.destroy();
    }
  });

t.test('other bytes are refused with 400 where no service takes them, or one that speaks HTTP only', async (t) => {
  const app = await rawServer(t);
  const outbound = await staticProxy(t, { resources: serviceAt('db', app.port), spec: { listeners } });
  const inbound = await staticProxy(t, { resources: serviceAt('app', app.port), appPort: app.port });
  const unknown = await staticProxy(t, { appPort: app.port });
  for (const port of [outbound.port, inbound.inboundPort, unknown.inboundPort])
    for (const bytes of ['*1\r\n$4\r\nPING\r\n', 'get / HTTP/1.1\r\n\r\n']) {
      const answer = await ask(t, port, bytes);
      t.equal(answer.status, 400);
      t.equal(answer.header('x-meshlane-reason'), 'bad_request');
    }
  t.equal((await ask(t, inbound.inboundPort, helloFor('app').toString('latin1'))).status, 400);
  t.equal(app.connections.length, 0);
});

t.test('a sidecar carries TLS and other bytes to an application of auto', async (t) => {
  const app = await echoServer(t);
  const carrying = await staticProxy(t, { resources: [service('app', 'auto')], appPort: app.port });
  for (const bytes of ['\0\x01\x02', helloFor('elsewhere.test').toString('latin1')]) {
    const client = await rawClient(t, carrying.inboundPort);
    client.end(bytes);
    await until(() => client.isClosed);
    t.equal(client.received, bytes);
  }
  const web = await scriptedOrigin(t, ({ head }) => reply(head));
  const proxy = await staticProxy(t, { resources: [service('app', 'auto')], appPort: web.port });
  t.match((await ask(t, proxy.inboundPort, get('/', 'app'))).body.toString(), /^GET \/ HTTP\/1\.1/);
});

t.test('requests to a service of auto are sent to it as HTTP/1.1', async (t) => {
  const web = await scriptedOrigin(t, ({ head }) => reply(head));
  const proxy = await staticProxy(t, { resources: tcpServiceAt('web', 'auto', web.port) });
  t.match((await ask(t, proxy.port, get('/', 'web'))).body.toString(), /^GET \/ HTTP\/1\.1/);
});

t.test('a caller that says nothing, or never enough, has the time of a head', async (t) => {
  const db = await rawServer(t);
  const resources = tcpServiceAt('db', 'auto', db.port);
  const limits = { headTimeout: '600ms', detectTimeout: '0s' };
  const proxy = await staticProxy(t, { resources, spec: { listeners, limits } });
  for (const bytes of ['', 'GET', '\x16\x03\x01']) {
    const begun = performance.now();
    const client = await rawClient(t, proxy.port);
    if (bytes !== '') client.send(bytes);
    await client.closed();
    t.ok(performance.now() - begun >= 590, JSON.stringify(bytes));
  }
  t.equal(db.connections.length, 0);
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'downstream', reason: 'idle' }), 3);
});

t.test('under TLS of our own, other bytes are carried as well', async (t) => {
  const files = await makeCertificate(tempFolder(t), 'app');
  const db = await echoServer(t);
  for (const protocol of ['auto', 'tcp']) {
    const proxy = await staticProxy(t, {
      resources: tcpServiceAt('db', 'auto', db.port),
      spec: { listeners: [{ ...listeners[0], protocol, tls: files }] },
    });
    const ca = readFileSync(files.certificate);
    const to = { port: proxy.port, host: '127.0.0.1', servername: 'app', ca, allowHalfOpen: true };
    const socket = connectTls(to as ConnectionOptions);
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    const client = new RawClient(socket);
    client.send('\0bytes');
    await client.until((text) => text === '\0bytes');
    client.end();
    await until(() => client.isClosed);
    t.equal(client.received, '\0bytes');
  }
});

t.test('a route without a backend, or a service without instances, resets what it would have carried', async (t) => {
  const proxy = await staticProxy(t, {
    resources: [
      service('db', 'auto'),
      route('none', [{ backends: [{ service: 'gone' }] }], ['none.test']),
      instance('elsewhere', 'other', 1),
      policy('db', { retry: { attempts: 0 } }),
    ],
    spec: { listeners },
  });
  t.ok(await isReset(t, proxy.port, helloFor('none.test')));
  t.ok(await isReset(t, proxy.port, '\0'));
  const closed = 'meshlane_tcp_connections_closed_total';
  await until(async () => (await proxy.metric(closed, { service: '', reason: 'no_backend' })) === 1);
  await until(async () => (await proxy.metric(closed, { service: 'db', reason: 'no_endpoint' })) === 1);
});
