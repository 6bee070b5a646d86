import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { runCommand } from '../harness/run-command.ts';
import { until } from '../harness/until.ts';
import { get, rawClient } from './harness/raw-client.ts';
import { serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { tlsProxy } from './harness/tls-proxy.ts';

const failed = 'meshlane_tls_handshakes_failed_total';
const open = 'meshlane_connections';

/** A record with a ClientHello in it (RFC 8446 §4.1.2); not all of one that could be answered. */
const helloBytes = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(506, 1)]);

/** The error that ends a handshake. */
async function refusal(socket: NodeJS.EventEmitter): Promise<string> {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return `${error.code} ${error.message}`;
}

for (const { version, http, shown } of [
  { version: '1.2', http: '--http1.1', shown: '1.1' },
  { version: '1.3', http: '--http1.1', shown: '1.1' },
  { version: '1.2', http: '--http2', shown: '2' },
  { version: '1.3', http: '--http2', shown: '2' },
])
  t.test(`curl is served HTTP/${shown} by TLS ${version}, twice on one connection`, async (t) => {
    const origin = await scriptedOrigin(t, () => reply('served'));
    const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
    const at = `app:${proxy.port}`;
    const said = await runCommand('curl', [
      ...['-sS', http, '--tls-max', version, `--tlsv${version}`, '--cacert', proxy.files.certificate],
      ...['--connect-to', `${at}:127.0.0.1:${proxy.port}`, '-w', ' %{http_version} %{ssl_verify_result}'],
      ...[`https://${at}/`, `https://${at}/again`],
    ]);
    t.equal(said.stdout, `served ${shown} 0served ${shown} 0`, said.stderr);
    t.equal(origin.requests.length, 2);
    t.equal(await proxy.metric(failed), 0);
  });

t.test('a version below minVersion is refused', async (t) => {
  const proxy = await tlsProxy(t, { tls: { minVersion: 'TLSv1.3' } });
  t.match(await refusal(proxy.dial(t, { maxVersion: 'TLSv1.2' })), /PROTOCOL_VERSION/);
  await proxy.call(t, { minVersion: 'TLSv1.3' });
  await until(async () => (await proxy.metric(failed)) === 1);
});

t.test('who speaks only other protocols is told so by an alert (RFC 7301 §3.2)', async (t) => {
  const proxy = await tlsProxy(t);
  t.match(await refusal(proxy.dial(t, { ALPNProtocols: ['spdy/3'] })), /NO_APPLICATION_PROTOCOL/);
  const known = await proxy.call(t, { ALPNProtocols: ['spdy/3', 'http/1.1'] });
  t.equal((known.socket as unknown as { alpnProtocol: string }).alpnProtocol, 'http/1.1');
  const none = await proxy.call(t);
  none.send(get('/', 'nobody'));
  t.equal((await none.reply()).status, 404);
});

t.test('what is no TLS is closed and counted, and others are served', async (t) => {
  const proxy = await tlsProxy(t);
  const beginnings = [
    get(),
    '\0'.repeat(100),
    '\x16\x03\x01\xff\xff'.padEnd(300, 'x'),
    '\x15\x03\x03\0\x02\x02\x28',
    '',
  ];
  for (const [i, beginning] of beginnings.entries()) {
    const caller = await rawClient(t, proxy.port);
    if (beginning === '') caller.end();
    else caller.send(beginning);
    await caller.closed();
    t.notMatch(caller.received, 'HTTP/');
    await until(async () => (await proxy.metric(failed)) === i + 1);
  }
  t.equal(await proxy.metric(open), 0);
  const caller = await proxy.call(t);
  caller.send(get('/', 'nobody'));
  t.equal((await caller.reply()).status, 404);
});

t.test('a handshake has its time, and no longer', async (t) => {
  const proxy = await tlsProxy(t, { spec: { limits: { handshakeTimeout: '400ms', headTimeout: '5s' } } });
  const begun = performance.now();
  const silent = await rawClient(t, proxy.port);
  const halfway = await rawClient(t, proxy.port);
  halfway.send(helloBytes.subarray(0, 100));
  const shaken = await proxy.call(t);
  await Promise.all([silent.closed(), halfway.closed()]);
  const tookMs = performance.now() - begun;
  t.ok(tookMs >= 380 && tookMs < 3000, `${tookMs} ms`);
  await until(async () => (await proxy.metric(failed)) === 2);
  t.notOk(shaken.hasEnded || shaken.isClosed, 'the time of a handshake is not that of a request');
  shaken.send(get('/', 'nobody'));
  t.equal((await shaken.reply()).status, 404);
});

t.test('handshakes under way count as connections', async (t) => {
  const proxy = await tlsProxy(t, { spec: { limits: { connections: 2 } } });
  const first = await rawClient(t, proxy.port);
  const second = await rawClient(t, proxy.port);
  await until(async () => (await proxy.metric(open)) === 2);
  t.match(await refusal(connect(proxy.port, '127.0.0.1').resume()), /ECONNRESET/);
  t.equal(await proxy.metric('meshlane_connections_refused_total'), 1);
  first.socket.destroy();
  second.socket.destroy();
  await until(async () => (await proxy.metric(open)) === 0);
  await proxy.call(t);
});

t.test('a thousand handshakes that stop halfway keep nobody from being served, and end', async (t) => {
  const proxy = await tlsProxy(t, { spec: { limits: { handshakeTimeout: '6s' } } });
  const halves = Array.from({ length: 1000 }, () => {
    const socket = connect(proxy.port, '127.0.0.1');
    socket.on('error', () => undefined);
    t.teardown(() => socket.destroy());
    socket.write(helloBytes.subarray(0, helloBytes.length / 2));
    return socket.resume();
  });
  const ended = Promise.all(halves.map((socket) => once(socket, 'close')));
  await until(async () => (await proxy.metric(open)) === 1000);
  const caller = await proxy.call(t);
  caller.send(get('/', 'nobody'));
  t.equal((await caller.reply()).status, 404);
  await ended;
  await until(async () => (await proxy.metric(open)) === 1);
  t.equal(await proxy.metric(failed), 1000);
});

t.test('a caller that resets right behind its handshake and its requests leaves no connection behind', async (t) => {
  const proxy = await tlsProxy(t);
  for (let i = 0; i < 30; i++) {
    const raw = connect(proxy.port, '127.0.0.1');
    const caller = proxy.dial(t, { socket: raw });
    caller.once('secureConnect', () => {
      caller.write(get('/', 'nobody').repeat(50));
      setImmediate(() => raw.resetAndDestroy());
    });
    await once(raw, 'close');
  }
  await until(async () => (await proxy.metric(open)) === 0, { timeoutMs: 5000 });
  t.equal(await proxy.metric('meshlane_connections_closed_total'), 0, 'and none was given up for its silence');
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
  t.test(`a session is taken up again by either of two workers, by ${version}`, async (t) => {
    const origin = await scriptedOrigin(t, () => reply());
    const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port), spec: { workers: 2 } });
    const options = { minVersion: version, maxVersion: version };
    const first = proxy.dial(t, options);
    const [session] = (await once(first, 'session')) as [Buffer];
    const reused: boolean[] = [];
    for (let i = 0; i < 16; i++) {
      const socket = proxy.dial(t, { ...options, session });
      await once(socket, 'secureConnect');
      reused.push(socket.isSessionReused());
      socket.destroy();
    }
    t.same(reused, new Array(16).fill(true));
  });

t.test('draining lets a handshake end, and tells whoever is idle with a close_notify', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('served'));
  const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
  const idle = await proxy.call(t);
  idle.send(get());
  await idle.reply();
  const raw = await rawClient(t, proxy.port);
  await until(async () => (await proxy.metric(open)) === 2);
  let isDrained = false;
  const drained = proxy.drain().then(() => {
    isDrained = true;
  });
  t.equal(await idle.closed(), '');
  t.ok(idle.hasEnded);
  t.notOk(idle.wasReset || isDrained);
  idle.end();
  const late = await proxy.call(t, { socket: raw.socket });
  await late.closed();
  t.ok(late.hasEnded, 'in order, though it came late');
  late.end();
  await drained;
});
