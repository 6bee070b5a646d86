import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import t from 'tap';
import { readProxy } from '../../shared/resources/read.ts';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { instance, policy, route, service, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

/** CONNECT (RFC 9110 §9.3.6): only where configured, only to instances of services. */

const connect = (target: string, fields = '') => `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${fields}\r\n`;
const listeners = [{ name: 'out', port: 0, connect: true }];
const opened = 'HTTP/1.1 200 Connection Established\r\n\r\n';

/** A server that sends back what it gets, and its own end after the caller's. */
async function echo(t: Owner, address = '127.0.0.1', port = 0) {
  const connections: { ended: boolean; closed: boolean }[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = { ended: false, closed: false };
    connections.push(connection);
    socket.on('data', (chunk) => socket.write(chunk));
    socket.on('end', () => {
      connection.ended = true;
      socket.end('bye');
    });
    socket.on('error', () => undefined); // tunnels are broken on purpose
    socket.on('close', () => (connection.closed = true));
    t.teardown(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  t.teardown(() => void server.close());
  return { port: (server.address() as { port: number }).port, connections };
}

t.test('CONNECT is answered 501 where a listener does not take it', async (t) => {
  const { port, connections } = await echo(t);
  const proxy = await staticProxy(t, { resources: serviceAt('app', port) });
  const answer = await ask(t, proxy.port, connect(`app:${port}`));
  t.equal(answer.status, 501);
  t.equal(answer.header('connection'), 'close');
  t.equal(connections.length, 0);
});

t.test('a tunnel carries bytes both ways, also those sent before it was there, and each end by itself', async (t) => {
  const { port, connections } = await echo(t);
  const proxy = await staticProxy(t, { resources: serviceAt('app', port), spec: { listeners } });
  const client = await rawClient(t, proxy.port);
  client.send(`${connect(`app:${port}`)}GET / HTTP/1.1\r\n\r\n`);
  await client.until((text) => text === `${opened}GET / HTTP/1.1\r\n\r\n`);
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 1);
  const big = Buffer.alloc(3_000_000, 'x');
  client.send(big);
  await client.until((text) => text.length === opened.length + 18 + big.length);
  t.equal(connections[0]!.ended, false);
  client.end('last');
  await until(() => client.isClosed);
  t.match(client.received, /xlastbye$/);
  t.ok(connections[0]!.ended);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
  t.equal(await proxy.metric('meshlane_requests_total', { service: 'app', code: '200' }), 1);
  t.equal(await proxy.metric('meshlane_request_body_bytes_total', { service: 'app' }), 18 + big.length + 4);
});

t.test('a caller that has ended before the tunnel is there still gets what the instance says', async (t) => {
  const { port } = await echo(t);
  const proxy = await staticProxy(t, { resources: serviceAt('app', port), spec: { listeners } });
  const client = await rawClient(t, proxy.port);
  client.end(`${connect(`app:${port}`)}all`);
  t.equal(await client.closed(), `${opened}allbye`);
});

t.test('a break on either side of a tunnel is one on the other', async (t) => {
  const { port, connections } = await echo(t);
  const breaking = await scriptedOrigin(t, ({ connection }) => void connection.socket.resetAndDestroy());
  const resources = [...serviceAt('app', port), ...serviceAt('breaks', breaking.port)];
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  const client = await rawClient(t, proxy.port);
  client.send(connect(`app:${port}`));
  await client.until((text) => text === opened);
  client.reset();
  await until(() => connections[0]!.closed);
  const other = await rawClient(t, proxy.port);
  other.send(connect(`breaks:${breaking.port}`) + get());
  await until(() => other.isClosed);
  t.ok(other.wasReset);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a tunnel leads only to a known service, and only to a port of its instances', async (t) => {
  const { port, connections } = await echo(t);
  const secret = await echo(t);
  const proxy = await staticProxy(t, { resources: serviceAt('app', port), spec: { listeners } });
  for (const [target, status, reason] of [
    [`app:${secret.port}`, 403, 'port_not_served'],
    [`127.0.0.1:${secret.port}`, 404, 'route_not_found'],
    [`127.0.0.1:${port}`, 404, 'route_not_found'],
    [`[::1]:${secret.port}`, 404, 'route_not_found'],
    [`nowhere:${port}`, 404, 'route_not_found'],
  ] as const) {
    const client = await rawClient(t, proxy.port);
    // What was meant for the tunnel must not be taken for a request.
    client.send(connect(target) + get('/', 'app'));
    const answer = await client.reply();
    t.equal(answer.status, status, target);
    t.equal(answer.header('x-meshlane-reason'), reason, target);
    t.equal(answer.header('connection'), 'close');
    t.equal(await client.closed(), '');
  }
  t.equal(connections.length + secret.connections.length, 0);
});

t.test('what is no host and port, or has a body, is refused', async (t) => {
  const { port, connections } = await echo(t);
  const proxy = await staticProxy(t, { resources: serviceAt('app', port), spec: { listeners } });
  const targets = ['app', 'app:', 'app:0', 'app:65536', 'app:+1', 'app:1a', ':80', '/', '*', `http://app:${port}`];
  targets.push(`user@app:${port}`, `app:${port}/`, `app:${port}?a`, '[::1:80', `app:00${port}0`);
  const heads = [
    ...targets.map((target) => `CONNECT ${target} HTTP/1.1\r\nHost: app\r\n\r\n`),
    `CONNECT app:${port} HTTP/1.1\r\n\r\n`,
    connect(`app:${port}`, 'Content-Length: 1\r\n'),
    connect(`app:${port}`, 'Transfer-Encoding: chunked\r\n'),
  ];
  for (const head of heads) {
    const answer = await ask(t, proxy.port, head);
    t.equal(answer.status, 400, head);
    t.equal(answer.header('connection'), 'close');
  }
  t.equal(connections.length, 0);
});

t.test('a tunnel has a connection of its own, before and after', async (t) => {
  const origin = await scriptedOrigin(t, ({ index }) => reply(`${index}`));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { listeners } });
  t.equal((await ask(t, proxy.port, get())).body.toString(), '0');
  const client = await rawClient(t, proxy.port);
  client.send(connect(`app:${origin.port}`) + get());
  await client.until((text) => text.startsWith(opened) && text.endsWith('1'));
  t.equal(origin.requests[1]!.connection.index, 1, 'not the idle one');
  client.socket.destroy();
  await until(() => origin.connections[1]!.isClosed);
  t.equal((await ask(t, proxy.port, get())).body.toString(), '2');
  t.equal(origin.requests[2]!.connection.index, 0);
});

t.test('tunnels follow routes and weights, to services of any protocol, by the port of each instance', async (t) => {
  const [one, two] = [await echo(t), await echo(t)];
  const resources = [
    service('raw', 'tcp'),
    instance('raw-1', 'raw', one.port),
    instance('raw-2', 'raw', two.port),
    route('door', [{ matches: [{ method: 'CONNECT' }], backends: [{ service: 'raw' }] }], ['door']),
  ];
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  for (const [host, { port }] of [
    ['raw', one],
    ['raw', two],
    ['door', two],
  ] as const) {
    const client = await rawClient(t, proxy.port);
    client.send(connect(`${host}:${port}`));
    await client.until((text) => text === opened);
    client.socket.destroy();
  }
  await until(() => one.connections.length + two.connections.length === 3);
  t.equal(one.connections.length, 1);
  t.equal((await ask(t, proxy.port, get('/', 'raw'))).status, 501, 'HTTP is still not sent to it');
});

t.test('another instance with the port is tried when one cannot be reached', async (t) => {
  const { port, connections } = await echo(t, '127.0.0.1');
  const resources = [
    service('app'),
    instance('here', 'app', port),
    instance('gone', 'app', port, { address: '127.0.0.2' }),
    policy('app', { retry: { attempts: 1 } }),
  ];
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  for (let i = 0; i < 6; i++) {
    const client = await rawClient(t, proxy.port);
    client.send(connect(`app:${port}`));
    await client.until((text) => text === opened);
    client.socket.destroy();
  }
  await until(() => connections.length === 6);
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a tunnel has the bounds of its service: connections and silence', async (t) => {
  const { port, connections } = await echo(t);
  const sections = { connections: { max: 1 }, timeouts: { idle: '300ms' }, retry: { attempts: 0 } };
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('app', port), policy('app', sections)],
    spec: { listeners },
  });
  const client = await rawClient(t, proxy.port);
  client.send(connect(`app:${port}`));
  await client.until((text) => text === opened);
  const over = await ask(t, proxy.port, connect(`app:${port}`));
  t.equal(over.status, 503);
  t.equal(over.header('x-meshlane-reason'), 'overloaded');
  await until(() => client.isClosed && connections[0]!.closed);
  t.equal(await proxy.metric('meshlane_replies_cut_total', { service: 'app' }), 1);
  t.equal(
    await rawClient(t, proxy.port).then((next) => {
      next.send(connect(`app:${port}`));
      return next.until((text) => text === opened).then(() => 'open');
    }),
    'open',
  );
});

t.test('curl goes through a tunnel', async (t) => {
  const origin = await scriptedOrigin(t, ({ head }) => reply(head.split(' ')[1]));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { listeners } });
  const url = `http://app:${origin.port}/through`;
  const args = ['-sS', '--max-time', '10', '--proxytunnel', '--proxy', `http://127.0.0.1:${proxy.port}`, url];
  const { stdout } = await promisify(execFile)('curl', args);
  t.equal(stdout, '/through');
  t.match(origin.requests[0]!.head, /^GET \/through HTTP\/1\.1\r\nHost: app:\d+\r\nUser-Agent: curl/);
});

t.test('an inbound listener cannot be told to take CONNECT', async (t) => {
  const read = readProxy({
    kind: 'Proxy',
    name: 'edge',
    spec: { appPort: 1, listeners: [{ name: 'in', port: 0, direction: 'inbound', connect: true }] },
  });
  t.strictSame(read.ok ? [] : read.issues, [
    { pointer: '/spec/listeners/0/connect', message: 'only outbound listeners take CONNECT' },
  ]);
});

t.test('a connection that rests makes room for a tunnel', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const resources = [...serviceAt('app', origin.port), policy('app', { connections: { max: 1 } })];
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  t.equal((await ask(t, proxy.port, get('/', 'app'))).status, 200);
  const client = await rawClient(t, proxy.port);
  client.send(connect(`app:${origin.port}`));
  await client.until((text) => text === opened);
  t.equal(await proxy.metric('meshlane_requests_in_flight'), 1);
});
