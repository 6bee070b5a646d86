import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startProxy } from '../../dataplane/supervisor/proxy.ts';
import { startProcess } from '../harness/process.ts';
import { runCommand } from '../harness/run-command.ts';
import { tempFolder } from '../harness/temp-folder.ts';
import { until } from '../harness/until.ts';
import { ask, get, rawClient } from './harness/raw-client.ts';
import { proxyDocument, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { staticProxy } from './harness/static-proxy.ts';

t.test('draining ends what is under way, closes what is idle and takes nothing new', async (t) => {
  const held: (() => void)[] = [];
  const origin = await scriptedOrigin(t, async ({ head, connection }) => {
    if (head.startsWith('GET /idle')) return reply('idle');
    if (head.startsWith('GET /begun')) connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha');
    await new Promise<void>((resolve) => held.push(resolve));
    return head.startsWith('GET /begun') ? 'lf' : reply('late');
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const idle = await rawClient(t, proxy.port);
  idle.send(get('/idle'));
  await idle.reply();
  const waiting = await rawClient(t, proxy.port);
  waiting.send(get('/waiting'));
  const begun = await rawClient(t, proxy.port);
  begun.send(get('/begun'));
  await begun.until((text) => text.endsWith('ha'));
  const uploading = await rawClient(t, proxy.port);
  uploading.send('POST /up HTTP/1.1\r\nHost: app\r\nContent-Length: 4\r\n\r\nha');
  await until(async () => held.length === 2 && (await proxy.metric('meshlane_requests_in_flight')) === 3);
  let isDrained = false;
  const draining = proxy.drain().then(() => {
    isDrained = true;
  });
  await idle.closed(2000);
  const late = await rawClient(t, proxy.port).then(
    (client) => client.closed(),
    () => '',
  );
  t.equal(late, '', 'nothing new');
  const ready = await fetch(`http://127.0.0.1:${proxy.adminPort}/readyz`);
  t.equal(ready.status, 503);
  uploading.send('lf');
  await until(() => held.length === 3);
  t.notOk(isDrained);
  for (const go of held) go();
  const got = await waiting.reply();
  t.equal(got.body.toString(), 'late');
  t.equal(got.header('connection'), 'close');
  t.equal((await begun.reply()).body.toString(), 'half');
  t.equal((await uploading.reply()).header('connection'), 'close');
  for (const client of [waiting, begun, uploading]) {
    await client.closed(2000);
    client.socket.destroy();
  }
  idle.socket.destroy();
  await draining;
});

t.test('draining ends after its timeout, whoever is still there', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined);
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { drainTimeout: '300ms' } });
  const client = await rawClient(t, proxy.port);
  client.send(get());
  await until(() => origin.requests.length === 1);
  const startMs = performance.now();
  await proxy.drain();
  t.ok(performance.now() - startMs >= 290);
  await proxy.close();
  await client.closed(2000);
});

t.test('a stopped proxy stops quickly, connections or not', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('ok'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { workers: 2 } });
  await ask(t, proxy.port, get());
  const startMs = performance.now();
  await proxy.close();
  t.ok(performance.now() - startMs < 900, `${performance.now() - startMs} ms`);
});

t.test('a taken port is one line that names it and the flag', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as import('node:net').AddressInfo;
  for (const workers of [1, 2])
    for (const direction of ['outbound', 'inbound']) {
      const starting = startProxy({
        proxy: proxyDocument({ workers, appPort: 1, listeners: [{ name: 'one', port, direction }] }),
        resources: [],
        controlPlane: null,
        version: 'test',
        log: { info: () => undefined, warn: () => undefined },
        onCrash: () => undefined,
      });
      const error = await starting.then(
        () => new Error('it started'),
        (error: Error) => error,
      );
      t.notMatch(error.message, /\n/);
      t.ok(error.message.includes(`port ${port} on 127.0.0.1 is taken`), error.message);
      t.ok(error.message.includes(`--${direction}`), error.message);
    }
});

const main = new URL('../../cli/main.mjs', import.meta.url).pathname;

t.test('the faults of a static file are all listed with their places', async (t) => {
  const file = join(tempFolder(t), 'edge.yaml');
  writeFileSync(
    file,
    `kind: Proxy
name: edge
spec: { listeners: [{ name: out, port: 0, direction: sideways }], colour: red }
---
kind: Service
name: app
---
kind: Route
name: r
spec:
  rules:
    - backends: [{ service: app, weight: -1 }]
      matches: [{ path: { type: RegularExpression, value: '(a)\\1' } }]
---
kind: Route
name: s
spec: { rules: [{ backends: [{ service: nobody }] }] }
---
kind: Thing
name: x
`,
  );
  const { code, stderr } = await runCommand(process.execPath, [main, 'proxy', '--config', file], { timeoutMs: 20_000 });
  t.not(code, 0);
  for (const place of [
    '/0/spec/listeners/0/direction',
    '/0/spec/colour',
    '/2/spec/rules/0/backends/0/weight',
    '/2/spec/rules/0/matches/0/path/value',
    '/3/spec/rules/0/backends/0/service',
    '/4/kind',
  ])
    t.ok(stderr.includes(`${place}:`), `${place} in ${stderr}`);
});

t.test('SIGTERM drains: the request under way is answered and the process ends with 0', async (t) => {
  const held: (() => void)[] = [];
  const origin = await scriptedOrigin(t, async () => {
    await new Promise<void>((resolve) => held.push(resolve));
    return reply('late');
  });
  const file = join(tempFolder(t), 'edge.yaml');
  writeFileSync(
    file,
    `kind: Proxy
name: edge
spec: { listeners: [{ name: out, port: 0 }] }
---
kind: Service
name: app
---
kind: Instance
name: app-0
spec: { service: app, address: 127.0.0.1, port: ${origin.port} }
`,
  );
  const child = await startProcess({
    command: process.execPath,
    args: [main, 'proxy', '--config', file],
    t,
    ready: /^ready: /,
  });
  const port = Number(/out 127\.0\.0\.1:(\d+)/.exec(child.output())![1]);
  const client = await rawClient(t, port);
  client.send(get());
  await until(() => held.length === 1);
  const ending = child.stop('SIGTERM');
  await until(async () => {
    const probe = await rawClient(t, port).catch(() => null);
    probe?.socket.destroy();
    return probe === null;
  });
  held[0]!();
  const got = await client.reply();
  t.equal(got.body.toString(), 'late');
  t.equal(got.header('connection'), 'close');
  client.socket.destroy();
  t.same(await ending, { code: 0, signal: null });
});
