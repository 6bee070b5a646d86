import t from 'tap';
import { freePort } from '../../harness/free-port.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { ask, get, type RawClient, rawClient } from '../harness/raw-client.ts';
import { type RawServer, rawServer } from '../harness/raw-server.ts';
import { instance, policy, service, tcpServiceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Services of auto whose instances may speak before their callers do. */

const listeners = [{ name: 'out', port: 0, service: 'mail' }];

/** Greets, and answers each line, as a mail server does (RFC 5321 §3.1). */
function mailServer(t: Owner): Promise<RawServer> {
  return rawServer(t, (connection) => {
    connection.send('220 mail.test ESMTP\r\n');
    connection.socket.on('data', (line: Buffer) => {
      if (line.toString('latin1').startsWith('QUIT')) connection.end('221 Bye\r\n');
      else connection.send('250 OK\r\n');
    });
    connection.socket.on('end', () => connection.end());
  });
}

async function sendMail(caller: RawClient): Promise<void> {
  await caller.until((text) => text === '220 mail.test ESMTP\r\n');
  caller.send('EHLO caller.test\r\n');
  await caller.until((text) => text.endsWith('250 OK\r\n'));
  caller.send('QUIT\r\n');
  await caller.until((text) => text.endsWith('221 Bye\r\n'));
  caller.end();
  await until(() => caller.isClosed);
}

for (const [direction, protocol] of [
  ['outbound', 'auto'],
  ['outbound', 'tcp'],
  ['inbound', 'auto'],
] as const)
  t.test(`a server that speaks first is found out, and then not waited for (${direction}, ${protocol})`, async (t) => {
    const mail = await mailServer(t);
    const proxy =
      direction === 'outbound'
        ? await staticProxy(t, { resources: tcpServiceAt('mail', protocol, mail.port), spec: { listeners } })
        : await staticProxy(t, { resources: [service('app', 'auto')], appPort: mail.port });
    const call = () => rawClient(t, direction === 'outbound' ? proxy.port : proxy.inboundPort);
    const begun = performance.now();
    await sendMail(await call());
    t.ok(performance.now() - begun >= 95, 'the caller had its time to speak first');
    t.equal(mail.connections.length, 2, 'the question, and the connection itself');
    t.equal(mail.connections[0]!.received, '', 'nothing is said by who only asks');
    await until(() => mail.connections[0]!.isClosed);
    for (let i = 0; i < 3; i++) await sendMail(await call());
    t.equal(mail.connections.length, 5);
    const labels = { direction, reason: 'done' };
    await until(async () => (await proxy.metric('meshlane_tcp_connections_closed_total', labels)) === 4);
  });

t.test('the connection that is asked for first is not held up when its caller speaks meanwhile', async (t) => {
  const server = await rawServer(t, (connection) => {
    connection.socket.on('data', (bytes: Buffer) => connection.end(`heard ${bytes.toString('latin1')}`));
  });
  const resources = tcpServiceAt('mail', 'auto', server.port);
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  const caller = await rawClient(t, proxy.port);
  await until(() => server.connections.length === 1);
  caller.send('*late');
  await caller.until((text) => text === 'heard *late');
  t.equal(server.connections.length, 2);
});

t.test('one that waits is asked once, and its callers are waited for', async (t) => {
  const web = await scriptedOrigin(t, () => reply('fine'));
  const resources = tcpServiceAt('mail', 'auto', web.port);
  const proxy = await staticProxy(t, { resources, spec: { listeners, limits: { headTimeout: '2s' } } });
  const silent = await Promise.all(Array.from({ length: 5 }, () => rawClient(t, proxy.port)));
  const late = await rawClient(t, proxy.port);
  await until(() => web.connections.length === 1 && web.connections[0]!.isClosed);
  late.send(get('/', 'mail'));
  t.equal((await late.reply()).status, 200);
  for (const caller of silent) t.equal(await caller.closed(), '');
  const next = await rawClient(t, proxy.port);
  t.equal(await next.closed(), '');
  t.equal(web.connections.length, 2, 'the question and the request');
});

t.test('there is one question at a time, and all who are silent hear the answer', async (t) => {
  const questions: RawClient[] = [];
  const server = await rawServer(t, (connection) => {
    questions.push(connection);
    if (questions.length > 1) connection.send('220 \r\n');
  });
  const resources = tcpServiceAt('mail', 'auto', server.port);
  const proxy = await staticProxy(t, { resources, spec: { listeners } });
  const callers = await Promise.all(Array.from({ length: 10 }, () => rawClient(t, proxy.port)));
  await until(() => questions.length === 1);
  questions[0]!.send('220 \r\n');
  for (const caller of callers) await caller.until((text) => text === '220 \r\n');
  t.equal(questions.length, 11);
});

t.test('a question that fails is put again, to another instance where there is one', async (t) => {
  const mail = await mailServer(t);
  const roundRobin = policy('mail', { loadBalancer: { policy: 'round-robin' } });
  const resources = [
    ...tcpServiceAt('mail', 'auto', mail.port),
    instance('gone', 'mail', await freePort()),
    roundRobin,
  ];
  for (let i = 0; i < 2; i++) {
    const proxy = await staticProxy(t, { resources, spec: { listeners } });
    await sendMail(await rawClient(t, proxy.port));
  }
  const failing = await rawServer(t, (connection) => {
    if (failing.connections.length === 1) connection.reset();
    else if (failing.connections.length === 2) connection.end();
    else connection.send('220 here at last\r\n');
  });
  const late = await staticProxy(t, { resources: tcpServiceAt('mail', 'auto', failing.port), spec: { listeners } });
  const caller = await rawClient(t, late.port);
  await caller.until((text) => text === '220 here at last\r\n');
  t.equal(failing.connections.length, 4);
});

t.test('who speaks within a second speaks first, and who takes longer is not asked again', async (t) => {
  for (const [afterMs, speaksFirst] of [
    [600, true],
    [1400, false],
  ] as const) {
    const server = await rawServer(t, (connection) => {
      const timer = setTimeout(() => connection.send('220 \r\n'), afterMs);
      connection.socket.on('close', () => clearTimeout(timer));
    });
    const resources = tcpServiceAt('mail', 'auto', server.port);
    const proxy = await staticProxy(t, { resources, spec: { listeners, limits: { headTimeout: '2s' } } });
    for (let i = 0; i < 2; i++) {
      const caller = await rawClient(t, proxy.port);
      if (speaksFirst) await caller.until((text) => text === '220 \r\n');
      else t.equal(await caller.closed(), '');
    }
    t.equal(server.connections.length, speaksFirst ? 3 : 1);
  }
});

t.test('a server that speaks first is found out through the sidecar beside it', async (t) => {
  const mail = await mailServer(t);
  const near = await staticProxy(t, { resources: [service('app', 'auto')], appPort: mail.port });
  const registered = instance('mail-1', 'mail', near.inboundPort, { protocol: 'http2' });
  const far = await staticProxy(t, { resources: [service('mail', 'auto'), registered], spec: { listeners } });
  for (let i = 0; i < 2; i++) await sendMail(await rawClient(t, far.port));
});

t.test('with a detectTimeout of 0s nobody is asked', async (t) => {
  const mail = await mailServer(t);
  const limits = { detectTimeout: '0s', headTimeout: '500ms' };
  const resources = tcpServiceAt('mail', 'auto', mail.port);
  const proxy = await staticProxy(t, { resources, spec: { listeners, limits } });
  const caller = await rawClient(t, proxy.port);
  t.equal(await caller.closed(), '');
  t.equal(mail.connections.length, 0);
});

t.test('where only HTTP is carried nobody is asked', async (t) => {
  const web = await scriptedOrigin(t, () => reply('fine'));
  const limits = { detectTimeout: '20ms', headTimeout: '500ms' };
  const proxy = await staticProxy(t, { resources: [service('app')], appPort: web.port, spec: { limits } });
  const caller = await rawClient(t, proxy.inboundPort);
  t.equal(await caller.closed(), '');
  t.equal(web.connections.length, 0);
  t.equal((await ask(t, proxy.inboundPort, get())).status, 200);
});
