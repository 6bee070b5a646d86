import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import t from 'tap';
import { makeCertificate } from '../../harness/certificate.ts';
import { errorNameOf, FrameType, preface } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { settingsFrame } from '../../harness/http2/frame-writer.ts';
import { runCommand } from '../../harness/run-command.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { get, rawClient } from '../harness/raw-client.ts';
import { serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { tlsProxy } from '../harness/tls-proxy.ts';

/** Which protocol a connection speaks: as its listener says, as its handshake agrees, or as its first bytes tell. */

const isServed = async (client: FrameClient) =>
  (await client.reply(client.request(requestFields('GET')))).status === 200;

t.test('under TLS both sides speak what ALPN agreed on, and without it what the caller begins with', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
  const tls = { ca: readFileSync(proxy.files.certificate), servername: 'app' };
  for (const [offered, agreed] of [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1', 'h2'], 'h2'],
    [['h2'], 'h2'],
    [[], false],
  ] as const) {
    const client = await frameClient(t, proxy.port, { tls: { ...tls, ALPNProtocols: [...offered] } });
    t.equal((client.socket as TLSSocket).alpnProtocol, agreed);
    t.ok(await isServed(client), `HTTP/2 after ${offered.join(', ') || 'nothing'}`);
  }
  for (const offered of [['http/1.1'], []]) {
    const client = await proxy.call(t, { ALPNProtocols: offered });
    t.equal((client.socket as TLSSocket).alpnProtocol, offered[0] ?? false);
    client.send(get());
    t.equal((await client.reply()).status, 200, `HTTP/1.1 after ${offered.join(', ') || 'nothing'}`);
  }
  for (const [flag, version] of [
    ['--http2', '2'],
    ['--http1.1', '1.1'],
  ] as const) {
    const at = `app:${proxy.port}`;
    const said = await runCommand('curl', [
      ...['-sS', flag, '--cacert', proxy.files.certificate, '--connect-to', `${at}:127.0.0.1:${proxy.port}`],
      ...['-w', ' %{http_version}', `https://${at}/`],
    ]);
    t.equal(said.stdout, `fine ${version}`, said.stderr);
  }
});

t.test('a caller that agreed on one protocol and speaks the other one is not understood', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await tlsProxy(t, { resources: serviceAt('app', origin.port) });
  const old = await proxy.call(t, { ALPNProtocols: ['h2'] });
  old.send(get());
  t.notMatch(await old.closed(), /HTTP\/1/);
  const young = await proxy.call(t, { ALPNProtocols: ['http/1.1'] });
  young.send(Buffer.concat([preface, settingsFrame()]));
  t.match(await young.closed(), /^HTTP\/1\.1 [45]\d\d /);
  t.equal(origin.requests.length, 0);
});

t.test('a listener of one protocol takes no other', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const resources = serviceAt('app', origin.port);
  const only = (protocol: string) =>
    staticProxy(t, { resources, spec: { listeners: [{ name: 'out', port: 0, protocol }] } });
  const [old, young] = await Promise.all([only('http1'), only('http2')]);
  t.ok(await isServed(await frameClient(t, young.port)));
  const toOld = await rawClient(t, old.port);
  toOld.send(get());
  t.equal((await toOld.reply()).status, 200);
  const refused = await frameClient(t, young.port, { greets: false });
  refused.send(Buffer.from(get()));
  t.equal(errorNameOf(await refused.frame(FrameType.goaway)), 'PROTOCOL_ERROR');
  await refused.closed();
  const unknown = await rawClient(t, old.port);
  unknown.send(Buffer.concat([preface, settingsFrame()]));
  t.match(await unknown.closed(), /^HTTP\/1\.1 [45]\d\d /);
  t.equal(origin.requests.length, 2);
});

t.test('under TLS a listener of one protocol offers no other', async (t) => {
  for (const [protocol, wanted, other] of [
    ['http1', 'http/1.1', 'h2'],
    ['http2', 'h2', 'http/1.1'],
  ] as const) {
    const files = await makeCertificate(tempFolder(t), 'app');
    const listener = { name: 'out', port: 0, protocol, tls: files };
    const proxy = await staticProxy(t, { spec: { listeners: [listener] } });
    const dial = (ALPNProtocols: string[]) =>
      frameClient(t, proxy.port, {
        greets: false,
        tls: { ca: readFileSync(files.certificate), servername: 'app', ALPNProtocols },
      });
    t.equal(((await dial([other, wanted])).socket as TLSSocket).alpnProtocol, wanted);
    await t.rejects(dial([other]), /NO_APPLICATION_PROTOCOL|no application protocol/i);
  }
});

t.test('a preface that comes in two parts, cut anywhere, or byte by byte, begins HTTP/2', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('fine'));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const bytes = Buffer.concat([preface, settingsFrame()]);
  const cuts = [...preface.keys()].map((at) => [bytes.subarray(0, at + 1), bytes.subarray(at + 1)]);
  const ways = [...cuts, [...bytes].map((byte) => Buffer.of(byte))];
  await Promise.all(
    ways.map(async (pieces, i) => {
      const client = await frameClient(t, proxy.port, { greets: false });
      for (const piece of pieces) {
        client.send(piece);
        await new Promise((resolve) => setImmediate(resolve));
      }
      t.ok(await isServed(client), `way ${i}`);
    }),
  );
});
