import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import t from 'tap';
import { mostHelloBytes } from '../../../dataplane/listener/client-hello.ts';
import { makeCertificate } from '../../harness/certificate.ts';
import type { Owner } from '../../harness/owner.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { isReset, rawClient } from '../harness/raw-client.ts';
import { echoServer } from '../harness/raw-server.ts';
import { instance, policy, route, service, serviceAt, tcpServiceAt } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { runningWorkers } from '../harness/worker-pool.ts';
import { clientHello, record, serverNameExtension } from '../listener/hello-bytes.ts';

/** TLS that is not ours to open: carried by the name that its ClientHello asks for. */

const closed = 'meshlane_tcp_connections_closed_total';

/** An https server that says its name. */
async function httpsServer(t: Owner, name: string): Promise<{ port: number; certificate: string }> {
  const { certificate, privateKey } = await makeCertificate(tempFolder(t), name);
  const options = { cert: readFileSync(certificate), key: readFileSync(privateKey) };
  const server = createHttps(options, (request, response) => {
    request.resume().on('end', () => response.end(`${name} ${request.headers.host}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, certificate };
}

t.test('curl reaches two services by name, each with its own certificate, on a port that knows none', async (t) => {
  const one = await httpsServer(t, 'one.test');
  const two = await httpsServer(t, 'two.test');
  const proxy = await staticProxy(t, {
    resources: [
      ...serviceAt('one.test', one.port),
      ...serviceAt('two', two.port),
      route('two', [{ matches: [{ path: { value: '/x' } }], backends: [{ service: 'one.test' }] }], ['two.test']),
      route('two-all', [{ backends: [{ service: 'two' }] }], ['two.test']),
    ],
  });
  for (const [name, { certificate }] of [
    ['one.test', one],
    ['two.test', two],
    ['ONE.test', one],
  ] as const) {
    const at = `${name}:${proxy.port}`;
    const body = 'x'.repeat(100_000);
    const said = await runCommand('curl', [
      ...['-sS', '--max-time', '10', '--cacert', certificate, '--resolve', `${at}:127.0.0.1`],
      ...['-d', body, `https://${at}/`, `https://${at}/again`],
    ]);
    const expected = `${name.toLowerCase()} ${name === 'ONE.test' ? at.toLowerCase() : at}`;
    t.equal(said.stdout.toLowerCase(), `${expected}${expected}`, said.stderr);
  }
  await until(
    async () => (await proxy.metric(closed, { service: 'one.test', route: '(service)', reason: 'done' })) === 2,
  );
  await until(async () => (await proxy.metric(closed, { service: 'two', route: 'two-all', reason: 'done' })) === 1);
  t.equal(await proxy.metric('meshlane_requests_total'), 0);
});

t.test('weights share the connections of a name out', async (t) => {
  const [v1, v2] = [await httpsServer(t, 'shop.test'), await httpsServer(t, 'shop.test')];
  const backends = [
    { service: 'v1', weight: 1 },
    { service: 'v2', weight: 1 },
  ];
  const proxy = await staticProxy(t, {
    resources: [...serviceAt('v1', v1.port), ...serviceAt('v2', v2.port), route('shop', [{ backends }], ['*.test'])],
  });
  for (let i = 0; i < 8; i++) {
    const socket = connect({ port: proxy.port, host: '127.0.0.1', servername: 'shop.test', rejectUnauthorized: false });
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
  }
  const opened = await proxy.metric('meshlane_tcp_connections_opened_total', { service: 'v1' });
  t.ok(opened >= 3 && opened <= 5, `${opened} of 8`);
});

t.test('a name that nothing is known of goes to the service of the listener, and without one is reset', async (t) => {
  const fallback = await httpsServer(t, 'fallback.test');
  const resources = tcpServiceAt('fallback', 'tcp', fallback.port);
  const listeners = [{ name: 'out', port: 0, service: 'fallback' }];
  const carrying = await staticProxy(t, { resources, spec: { listeners } });
  const resetting = await staticProxy(t, { resources });
  for (const servername of ['nobody.test', '']) {
    const options = { host: '127.0.0.1', servername, rejectUnauthorized: false };
    const socket = connect({ ...options, port: carrying.port });
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    t.equal(socket.getPeerCertificate().subject.CN, 'fallback.test', servername);
    const refused = connect({ ...options, port: resetting.port });
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    t.equal(error.code, 'ECONNRESET');
  }
  const labels = { direction: 'outbound', service: '', route: '', reason: 'route_not_found' };
  await until(async () => (await resetting.metric(closed, labels)) === 2);
});

t.test('a ClientHello may take as much as it may, and goes on as it came', async (t) => {
  const server = await echoServer(t);
  const proxy = await staticProxy(t, { resources: serviceAt('app.test', server.port) });
  const helloOf = (padding: number) =>
    record(
      clientHello({
        session: Buffer.alloc(0),
        suites: 1,
        before: [{ type: 21, data: Buffer.alloc(padding) }, serverNameExtension('app.test')],
        after: [],
      }),
    );
  const fitting = helloOf(mostHelloBytes - helloOf(0).length);
  const client = await rawClient(t, proxy.port);
  client.send(fitting.subarray(0, 5));
  client.send(fitting.subarray(5, 16_000));
  client.send(fitting.subarray(16_000));
  client.send('early data');
  await client.until((text) => text.length === fitting.length + 10);
  t.equal(client.received, `${fitting.toString('latin1')}early data`);
  t.ok(await isReset(t, proxy.port, helloOf(mostHelloBytes - helloOf(0).length + 1)));
});

t.test(
  'the bounds of a service hold for its connections from the moment they change, whatever it speaks',
  async (t) => {
    const server = await echoServer(t);
    const hello = record(
      clientHello({ session: Buffer.alloc(0), suites: 1, before: [serverNameExtension('app.test')], after: [] }),
    );
    for (const protocol of ['http1', 'http2']) {
      const resources = [service('app.test', protocol), instance('app-1', 'app.test', server.port)];
      const { port, configure } = await runningWorkers(t, resources);
      const client = await rawClient(t, port);
      client.send(hello);
      await client.until((text) => text.length === hello.length);
      await configure([policy('app.test', { connections: { max: 1 } })]);
      t.ok(await isReset(t, port, hello), protocol);
    }
  },
);
