import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { request } from '../../shared/http/undici.ts';
import type { Owner } from '../harness/owner.ts';
import { startProcess } from '../harness/process.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';

const cli = (file: string) => fileURLToPath(new URL(`../../cli/${file}`, import.meta.url));
const halfHead = 'GET /v1/services HTTP/1.1\r\nhost: x\r\n';
const halfBody =
  'PUT /v1/services/x HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{';
/** Another Node than ours, if the machine has one: it cannot hand its process over to the command. */
const otherNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));

const args = ['control-plane', '--insecure', '--api', ':0', '--push', ':0', '--store', 'sqlite::memory:'];

async function startControlPlane(t: Owner) {
  const plane = await startProcess({
    t,
    command: process.execPath,
    args: [cli('main.mjs'), ...args],
    ready: /^ready: /,
  });
  return { plane, port: Number(/api http:\/\/127\.0\.0\.1:(\d+)/.exec(plane.output())![1]) };
}

/** An open connection that sent that much and then stays silent. */
async function sendHalf(t: Owner, port: number, text: string) {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  await new Promise<void>((done) => socket.write(text, () => done()));
  // What is answered here was read after the bytes above.
  await fetch(`http://127.0.0.1:${port}/healthz`);
}

for (const [what, text] of Object.entries({ head: halfHead, body: halfBody }))
  t.test(`a control plane stops within seconds though a request's ${what} never comes whole`, async (t) => {
    const { plane, port } = await startControlPlane(t);
    await sendHalf(t, port, text);
    const startedMs = performance.now();
    t.strictSame(await plane.stop(), { code: 0, signal: null });
    t.ok(performance.now() - startedMs < 6_000);
  });

t.test('a second signal ends a control plane at once', async (t) => {
  const { plane, port } = await startControlPlane(t);
  await sendHalf(t, port, halfBody);
  process.kill(plane.pid, 'SIGTERM');
  await new Promise((done) => setTimeout(done, 400)); // sooner, it would be the same wish
  const startedMs = performance.now();
  process.kill(plane.pid, 'SIGTERM');
  t.strictSame(await plane.exited, { code: 0, signal: null });
  t.ok(performance.now() - startedMs < 1_000);
});

t.test('a control plane whose output nobody reads any more stops as any other', async (t) => {
  const child = spawn(process.execPath, [cli('main.mjs'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  child.kill('SIGTERM');
  t.strictSame(await exited, [0, null]);
});

/** A sidecar that carries one request whose answer is due when the test says so. */
async function startBusyProxy(t: Owner, node: string, entry: string) {
  const application = createServer().listen(0, '127.0.0.1');
  t.teardown(() => application.close());
  await once(application, 'listening');
  const { port: appPort } = application.address() as { port: number };
  const file = `${tempFolder(t)}/edge.yaml`;
  writeFileSync(
    file,
    `{ kind: Proxy, name: edge, spec: { admin: { port: 0 }, listeners: [{ name: out, port: 0, direction: outbound }] } }
---
{ kind: Service, name: echo }
---
{ kind: Instance, name: e1, spec: { service: echo, address: 127.0.0.1, port: ${appPort} } }
`,
  );
  const child = spawn(node, [entry, 'proxy', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  t.teardown(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // all of its group are gone
    }
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const port = Number(await until(() => /out 127\.0\.0\.1:(\d+)/.exec(output)?.[1], { timeoutMs: 20_000 }));
  const carried = once(application, 'connection').then(async ([socket]) => {
    await once(socket, 'data');
    return socket;
  });
  const reply = request(`http://127.0.0.1:${port}/`, { method: 'GET', headers: { host: 'echo' } }).then(
    ({ statusCode }) => statusCode,
    () => 'cut',
  );
  const socket = await carried;
  socket.on('error', () => undefined);
  return { pid: child.pid!, exited, reply, answer: () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok') };
}

const entries: [string, string, string][] = [
  ['the command', process.execPath, cli('main.mjs')],
  ['the launcher', process.execPath, cli('meshlane.js')],
];
if (otherNode) entries.push(['the launcher under another Node', otherNode, cli('meshlane.js')]);

for (const [title, node, entry] of entries) {
  t.test(`Ctrl-C, which a terminal sends to the whole group, lets ${title} drain`, async (t) => {
    const { pid, exited, reply, answer } = await startBusyProxy(t, node, entry);
    process.kill(-pid, 'SIGINT');
    await new Promise((done) => setTimeout(done, 500)); // time in which it would cut the request
    answer();
    t.equal(await reply, 200);
    t.strictSame(await exited, [0, null]);
  });

  t.test(`a second SIGINT ends ${title} though a request is open`, async (t) => {
    const { pid, exited, reply } = await startBusyProxy(t, node, entry);
    process.kill(pid, 'SIGINT');
    await new Promise((done) => setTimeout(done, 400)); // sooner, it would be the same wish
    const startedMs = performance.now();
    process.kill(pid, 'SIGINT');
    t.strictSame(await exited, [0, null]);
    t.ok(performance.now() - startedMs < 3_000);
    t.equal(await reply, 'cut');
  });

  t.test(`${title} that was interrupted does not say that it succeeded`, async (t) => {
    const silent = createServer().listen(0, '127.0.0.1');
    t.teardown(() => silent.close());
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const called = once(silent, 'connection');
    const child = spawn(node, [entry, 'get', 'services', '--api', `127.0.0.1:${port}`], {
      stdio: 'ignore',
      detached: true,
    });
    const exited = once(child, 'exit');
    const [socket] = await called;
    t.teardown(() => socket.destroy());
    process.kill(-child.pid!, 'SIGINT');
    const [code, signal] = await exited;
    t.ok(code === 130 || signal === 'SIGINT', `${code} ${signal}`);
  });
}
