import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Owner } from '../../harness/owner.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';

/** What one side does not take is not read from the other, and nothing of it is lost. */

const main = new URL('../../../cli/main.mjs', import.meta.url).pathname;
const sizeBytes = 100 * 1024 * 1024;
const boundBytes = 24 * 1024 * 1024;

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024;

/** A proxy in a process of its own, and both ends of a connection through it. */
async function connection(t: Owner) {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  const file = join(tempFolder(t), 'edge.yaml');
  writeFileSync(
    file,
    `kind: Proxy
name: edge
spec: { drainTimeout: 100ms, listeners: [{ name: out, port: 0, protocol: tcp, service: db }] }
---
kind: Service
name: db
spec: { protocol: tcp }
---
kind: Instance
name: db-0
spec: { service: db, address: 127.0.0.1, port: ${(server.address() as AddressInfo).port} }
`,
  );
  const child = await startProcess({
    command: process.execPath,
    args: [main, 'proxy', '--config', file],
    t,
    ready: /^ready: /,
  });
  const port = Number(/out 127\.0\.0\.1:(\d+)/.exec(child.output())![1]);
  const caller = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [instance] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    caller.destroy();
    instance.destroy();
  });
  return { pid: child.pid, caller, instance };
}

for (const direction of ['caller', 'instance'] as const)
  t.test(`100 MB for a slow ${direction} wait where they come from, and all arrive`, async (t) => {
    const { pid, caller, instance } = await connection(t);
    const [from, to] = direction === 'caller' ? [instance, caller] : [caller, instance];
    const beforeBytes = residentBytes(pid);
    const piece = Buffer.alloc(1024 * 1024, 'x');
    to.pause();
    let sent = 0;
    const send = () => {
      while (sent < sizeBytes) {
        sent += piece.length;
        if (!from.write(piece)) return void from.once('drain', send);
      }
      from.end();
    };
    send();
    // Nothing is read: what was sent stands in the kernels, and then no more is taken.
    let last = -1;
    await until(
      () => {
        const isStill = from.bytesWritten - from.writableLength === last;
        last = from.bytesWritten - from.writableLength;
        return isStill && sent > 0;
      },
      { everyMs: 500 },
    );
    t.ok(last < sizeBytes / 2, `${last} bytes were taken`);
    let received = 0;
    let highestBytes = residentBytes(pid);
    to.on('data', (chunk: Buffer) => {
      received += chunk.length;
      highestBytes = Math.max(highestBytes, residentBytes(pid));
    });
    to.resume();
    await once(to, 'end');
    t.equal(received, sizeBytes);
    const growth = highestBytes - beforeBytes;
    t.ok(growth < boundBytes, `grew by ${Math.round(growth / 1e6)} MB`);
  });
