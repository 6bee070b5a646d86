import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connect } from 'node:tls';
import t from 'tap';
import { makeCertificate } from '../harness/certificate.ts';
import type { Owner } from '../harness/owner.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';

const main = new URL('../../cli/main.mjs', import.meta.url).pathname;
const connections = 100;
const bodyBytes = 10 * 1024 * 1024;
const boundBytes = 64 * 1024 * 1024;
/** The kernel's buffers are full long before, and nobody reads. */
const watchedMs = 3000;

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024;

/** A proxy in a process of its own before an origin that reads nothing but the first bytes. */
async function running(t: Owner, onRequest: (socket: Socket) => void) {
  const folder = tempFolder(t);
  const tls = await makeCertificate(folder, 'app');
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // the test cuts its callers off
    socket.once('data', () => {
      socket.pause();
      onRequest(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const documents = [
    { kind: 'Proxy', name: 'edge', spec: { drainTimeout: '100ms', listeners: [{ name: 'out', port: 0, tls }] } },
    { kind: 'Service', name: 'app' },
    { kind: 'Instance', name: 'app-0', spec: { service: 'app', address: '127.0.0.1', port } },
  ];
  const file = join(folder, 'edge.yaml');
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const child = await startProcess({
    command: process.execPath,
    args: [main, 'proxy', '--config', file],
    t,
    ready: /^ready: /,
  });
  const at = { port: Number(/out 127\.0\.0\.1:(\d+)/.exec(child.output())![1]), host: '127.0.0.1' };
  const call = async () => {
    const socket = connect({ ...at, servername: 'app', ca: readFileSync(tls.certificate) });
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket.pause();
  };
  return { pid: child.pid, call, sockets };
}

/** How far the process grows from `fromBytes` on while it is watched. */
async function growth(pid: number, fromBytes: number): Promise<number> {
  let highest = 0;
  for (const until = performance.now() + watchedMs; performance.now() < until; await wait(100))
    highest = Math.max(highest, residentBytes(pid));
  return highest - fromBytes;
}

const body = Buffer.alloc(bodyBytes, 'x');
const reply = `HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
const request = `POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${bodyBytes}\r\n\r\n`;

for (const isUpload of [false, true])
  t.test(
    `100 ${isUpload ? 'uploads' : 'downloads'} of 10 MB under TLS that nobody reads stay within 64 MiB of idle`,
    async (t) => {
      const { pid, call, sockets } = await running(t, (socket) => {
        if (isUpload) return;
        socket.write(reply);
        socket.write(body);
      });
      const idleBytes = residentBytes(pid);
      for (let i = 0; i < connections; i++) {
        const socket = await call();
        socket.write(isUpload ? request : 'GET / HTTP/1.1\r\nHost: app\r\n\r\n');
        if (isUpload) socket.write(body);
      }
      await until(() => sockets.length === connections);
      const grown = await growth(pid, idleBytes);
      t.comment(`${Math.round(grown / 1e6)} MB`);
      t.ok(grown < boundBytes, `grew by ${Math.round(grown / 1e6)} MB`);
    },
  );
