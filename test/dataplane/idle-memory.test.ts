import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { type RawClient, rawClient } from './harness/raw-client.ts';

const main = new URL('../../cli/main.mjs', import.meta.url).pathname;
const connections = 2000;
const bodyBytes = 65_536;
/** Two thirds of what their first reads alone would take. */
const boundBytes = 40 * 1024 * 1024;

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))![1]) * 1024;

const put = (size: number) => `PUT / HTTP/1.1\r\nHost: nobody\r\nContent-Length: ${size}\r\n\r\n${'u'.repeat(size)}`;

t.test('a connection that is idle does not hold on to what it read of the request before', async (t) => {
  const file = join(tempFolder(t), 'edge.yaml');
  const spec = { drainTimeout: '100ms', listeners: [{ name: 'out', port: 0 }] };
  writeFileSync(file, JSON.stringify({ kind: 'Proxy', name: 'edge', spec }));
  const child = await startProcess({
    command: process.execPath,
    args: [main, 'proxy', '--config', file],
    t,
    ready: /^ready: /,
  });
  const port = Number(/out 127\.0\.0\.1:(\d+)/.exec(child.output())![1]);
  const callers: RawClient[] = [];
  while (callers.length < connections) callers.push(await rawClient(t, port));
  const ask = async (size: number) => {
    for (const caller of callers) {
      caller.send(put(size));
      t.equal((await caller.reply()).status, 404);
    }
    return residentBytes(child.pid);
  };
  const before = await ask(0);
  const grown = (await ask(bodyBytes)) - before;
  t.comment(`${Math.round(grown / 1e6)} MB`);
  t.ok(grown < boundBytes, `grew by ${Math.round(grown / 1e6)} MB`);
});
