import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';

const main = new URL('../../cli/main.mjs', import.meta.url).pathname;
const connections = 200;
const bodyBytes = 10 * 1024 * 1024;
const boundBytes = 64 * 1024 * 1024;
/** How long the connections are watched. At 50 kB/s nobody is done by then. */
const watchedMs = 7000;

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024;

/** A proxy in a process of its own before an origin that sends as fast, or reads as slowly, as it is let. */
async function measured(t: Owner, onRequest: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // the test cuts its callers off
    socket.once('data', () => onRequest(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const file = join(tempFolder(t), 'edge.yaml');
  writeFileSync(
    file,
    `kind: Proxy
name: edge
spec: { drainTimeout: 100ms, listeners: [{ name: out, port: 0 }] }
---
kind: Service
name: app
---
kind: Instance
name: app-0
spec: { service: app, address: 127.0.0.1, port: ${(server.address() as AddressInfo).port} }
`,
  );
  const child = await startProcess({
    command: process.execPath,
    args: [main, 'proxy', '--config', file],
    t,
    ready: /^ready: /,
  });
  const port = Number(/out 127\.0\.0\.1:(\d+)/.exec(child.output())![1]);
  const callers: Socket[] = [];
  const call = async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    callers.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  t.teardown(() => {
    for (const socket of callers) socket.destroy();
  });
  return { pid: child.pid, call, sockets };
}

/** Highest resident memory while the connections are watched. */
async function highestBytes(pid: number): Promise<number> {
  let highest = 0;
  for (const until = performance.now() + watchedMs; performance.now() < until; await wait(100))
    highest = Math.max(highest, residentBytes(pid));
  return highest;
}

/** Reads about 50 kB a second. */
function readSlowly(socket: Socket): NodeJS.Timeout {
  socket.on('data', () => socket.pause());
  return setInterval(() => socket.resume(), 1300);
}

t.test('200 slow downloads of 10 MB stay within 64 MiB of idle', async (t) => {
  const body = Buffer.alloc(bodyBytes, 'x');
  const { pid, call, sockets } = await measured(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n`);
    socket.write(body);
  });
  const idleBytes = residentBytes(pid);
  const timers: NodeJS.Timeout[] = [];
  t.teardown(() => timers.forEach(clearInterval));
  for (let i = 0; i < connections; i++) {
    const socket = await call();
    timers.push(readSlowly(socket));
    socket.write('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
  }
  await until(() => sockets.length === connections);
  const growth = (await highestBytes(pid)) - idleBytes;
  t.ok(growth < boundBytes, `grew by ${Math.round(growth / 1e6)} MB from ${Math.round(idleBytes / 1e6)} MB`);
});

t.test('200 slow uploads of 10 MB stay within 64 MiB of idle', async (t) => {
  const timers: NodeJS.Timeout[] = [];
  t.teardown(() => timers.forEach(clearInterval));
  const { pid, call, sockets } = await measured(t, (socket) => timers.push(readSlowly(socket)));
  const idleBytes = residentBytes(pid);
  const body = Buffer.alloc(bodyBytes, 'x');
  for (let i = 0; i < connections; i++) {
    const socket = await call();
    socket.write(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${bodyBytes}\r\n\r\n`);
    socket.write(body);
  }
  await until(() => sockets.length === connections);
  const growth = (await highestBytes(pid)) - idleBytes;
  t.ok(growth < boundBytes, `grew by ${Math.round(growth / 1e6)} MB from ${Math.round(idleBytes / 1e6)} MB`);
});
