import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { writeDocuments } from '../bench/mesh-config.ts';
import { freePort } from '../harness/free-port.ts';
import { sumOf } from '../harness/metrics-page.ts';
import type { Owner } from '../harness/owner.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { ask, get, RawClient, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';
import { tlsProxy } from './harness/tls-proxy.ts';

const handedOver = 'meshlane_connections_handed_over_total';

/** Connects and writes before the connection is made, so that the bytes are there when it is accepted. */
function eagerClient(t: Owner, port: number, bytes: string): RawClient {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const client = new RawClient(socket);
  t.teardown(() => socket.destroy());
  client.send(bytes);
  return client;
}

async function countsOf(proxy: StaticProxy, workers: number): Promise<number[]> {
  const page = await proxy.metrics();
  return Array.from({ length: workers }, (_, worker) =>
    sumOf(page, 'meshlane_worker_connections', { worker: String(worker) }),
  );
}

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

/** The largest distance from an even share, as a part of it. */
function unevenness(counts: readonly number[]): number {
  const even = sum(counts) / counts.length;
  return Math.max(...counts.map((count) => Math.abs(count - even))) / even;
}

const openAll = (port: number, count: number): Promise<Socket[]> =>
  Promise.all(Array.from({ length: count }, () => openOne(port)));

async function openOne(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

async function openOneByOne(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) sockets.push(await openOne(port));
  return sockets;
}

for (const workers of [2, 4])
  for (const [how, open] of [
    ['in a burst', openAll],
    ['one by one', openOneByOne],
  ] as const)
    t.test(
      `64 connections that come ${how} are within 20 % of an even share of ${workers} workers, 20 times`,
      async (t) => {
        const proxy = await staticProxy(t, { spec: { workers } });
        for (let round = 1; round <= 20; round++) {
          const sockets = await open(proxy.port, 64);
          const counts = await until(async () => {
            const counts = await countsOf(proxy, workers);
            return sum(counts) === 64 ? counts : null;
          });
          t.ok(unevenness(counts) <= 0.2, `round ${round}: ${counts.join(' / ')}`);
          for (const socket of sockets) socket.destroy();
          await until(async () => (await proxy.metric('meshlane_connections')) === 0);
        }
        t.equal(await proxy.metric('meshlane_connections_opened_total'), 64 * 20);
        t.strictSame(proxy.warnings, []);
      },
    );

t.test('what a caller sends at once is answered by whichever worker gets the connection', async (t) => {
  const origin = await scriptedOrigin(t, ({ head, body }) => reply(`${head.split(' ')[1]} ${body}`));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { workers: 4 } });
  const body = 'b'.repeat(20_000);
  const clients = Array.from({ length: 64 }, (_, i) =>
    eagerClient(t, proxy.port, `POST /${i} HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  );
  for (const [i, client] of clients.entries()) t.equal((await client.reply()).body.toString(), `/${i} ${body}`);
  clients[0]!.send(get('/again'));
  t.equal((await clients[0]!.reply()).body.toString(), '/again ');
  t.ok(await proxy.metric(handedOver));
});

t.test('connections under TLS are given away before their handshake', async (t) => {
  const proxy = await tlsProxy(t, { spec: { workers: 2 } });
  const clients = await Promise.all(Array.from({ length: 32 }, () => proxy.call(t)));
  for (const client of clients) {
    client.send(get('/', 'nowhere'));
    t.equal((await client.reply()).status, 404);
  }
  const counts = await countsOf(proxy, 2);
  t.equal(sum(counts), 32);
  t.ok(unevenness(counts) <= 0.2, counts.join(' / '));
  t.ok(await proxy.metric(handedOver));
});

t.test('callers that leave while they are given away are counted nowhere', async (t) => {
  const proxy = await staticProxy(t, { spec: { workers: 4, limits: { connections: 400 } } });
  for (const leave of ['destroy', 'resetAndDestroy'] as const)
    for (const bytes of ['', 'GET / HT', get('/', 'nowhere')]) {
      const sockets = Array.from({ length: 100 }, () => connect(proxy.port, '127.0.0.1'));
      await Promise.all(
        sockets.map(async (socket) => {
          socket.on('error', () => undefined);
          await once(socket, 'connect');
          if (bytes) socket.write(bytes);
          socket[leave]();
        }),
      );
      await until(async () => (await proxy.metric('meshlane_connections')) === 0);
    }
  await until(async () => (await proxy.metric('meshlane_connections_opened_total')) === 600);
  t.ok(await proxy.metric(handedOver));
  t.strictSame(await countsOf(proxy, 4), [0, 0, 0, 0]);
  const all = await openAll(proxy.port, 400);
  await until(async () => (await proxy.metric('meshlane_connections')) === 400);
  t.equal(await proxy.metric('meshlane_connections_refused_total'), 0, 'every place is free again');
  for (const socket of all) socket.destroy();
});

t.test('limits.connections holds exactly over all workers, however they share', async (t) => {
  const proxy = await staticProxy(t, { spec: { workers: 4, limits: { connections: 20 } } });
  for (let round = 1; round <= 5; round++) {
    const clients = Array.from({ length: 60 }, () => eagerClient(t, proxy.port, get('/', 'nowhere')));
    await Promise.all(clients.map((client) => client.until((text) => client.isClosed || text.includes('\r\n\r\n'))));
    t.equal(clients.filter((client) => client.received.startsWith('HTTP/1.1 404')).length, 20);
    t.equal(await proxy.metric('meshlane_connections_refused_total'), 40 * round);
    for (const { socket } of clients) socket.destroy();
    await until(async () => (await proxy.metric('meshlane_connections')) === 0);
  }
});

t.test('2,000 connections of one request each leave nothing open', async (t) => {
  const proxy = await staticProxy(t, { spec: { workers: 2 } });
  const openFiles = () => readdirSync('/proc/self/fd').length;
  const oneAfterTheOther = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const client = eagerClient(
        { teardown: () => undefined },
        proxy.port,
        get('/', 'nowhere', 'Connection: close\r\n'),
      );
      const { status } = await client.reply();
      if (status !== 404) throw new Error(`answered with ${status}`);
      client.socket.destroy();
    }
  };
  const load = (count: number) => Promise.all(Array.from({ length: 16 }, () => oneAfterTheOther(count / 16)));
  await load(160);
  await until(async () => (await proxy.metric('meshlane_connections')) === 0);
  const before = openFiles();
  await load(2000);
  t.ok((await proxy.metric(handedOver)) > 100);
  await until(() => openFiles() <= before, { what: `${before} open files again` });
  t.equal(await proxy.metric('meshlane_connections_opened_total'), 2160);
});

t.test('a proxy that has closed leaves no connection between its workers open', async (t) => {
  const openFiles = () => readdirSync('/proc/self/fd').length;
  const startAndClose = async () => {
    const proxy = await staticProxy(t, { spec: { workers: 4 } });
    t.equal((await ask(t, proxy.port, get('/', 'nowhere'))).status, 404);
    await proxy.close();
  };
  await startAndClose();
  const before = openFiles();
  for (let i = 0; i < 3; i++) await startAndClose();
  await until(() => openFiles() <= before, { what: `${before} open files again` });
});

t.test('while workers drain, callers that come are answered or turned away, and none waits', async (t) => {
  const proxy = await staticProxy(t, { spec: { workers: 4 } });
  const idle = await openAll(proxy.port, 16);
  let isDrained = false;
  const odd: string[] = [];
  const keepsComing = async () => {
    while (!isDrained) {
      const client = eagerClient(
        { teardown: () => undefined },
        proxy.port,
        get('/', 'nowhere', 'Connection: close\r\n'),
      );
      const answer = await client.closed();
      if (answer !== '' && !/^HTTP\/1\.1 404 .*\r\n\r\n.*\n$/s.test(answer)) odd.push(answer);
      client.socket.destroy();
    }
  };
  const callers = Array.from({ length: 16 }, keepsComing);
  await until(async () => (await proxy.metric(handedOver)) > 50);
  await proxy.drain();
  isDrained = true;
  await Promise.all(callers);
  t.strictSame(odd, []);
  for (const socket of idle) socket.destroy();
  t.equal(await proxy.metric('meshlane_connections'), 0);
});

t.test('where sockets carry connections, workers keep what they accept', async (t) => {
  const proxy = await staticProxy(t, { spec: { workers: 2 }, transportKind: 'socket' });
  const clients = await Promise.all(Array.from({ length: 32 }, () => rawClient(t, proxy.port)));
  for (const client of clients) {
    client.send(get('/', 'nowhere'));
    t.equal((await client.reply()).status, 404);
  }
  t.equal(await proxy.metric(handedOver), 0);
  t.equal(sum(await countsOf(proxy, 2)), 32);
});

const obstacles: Readonly<Record<string, { args?: string[]; env?: Record<string, string> }>> = {
  'Node has no handles to carry connections by': {
    args: ['--import', 'data:text/javascript,process.binding=undefined'],
  },
  'the temporary folder cannot be written': { env: { TMPDIR: '/proc' } },
};

for (const [obstacle, { args = [], env = {} }] of Object.entries(obstacles))
  t.test(`where ${obstacle}, workers keep what they accept, and it is logged`, async (t) => {
    const port = await freePort();
    const documents = [{ kind: 'Proxy', name: 'edge', spec: { workers: 2, listeners: [{ name: 'out', port }] } }];
    const main = join(import.meta.dirname, '../../cli/main.mjs');
    const file = writeDocuments(documents, tempFolder(t), 'proxy.yaml');
    const proxy = await startProcess({
      command: process.execPath,
      args: [...args, main, 'proxy', '--config', file],
      env,
      t,
      ready: /^ready: /,
    });
    t.match(proxy.output(), /workers keep the connections that they accept/);
    for (let i = 0; i < 16; i++) t.equal((await ask(t, port, get('/', 'nowhere'))).status, 404);
  });
