import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { acceptOf } from '../../../dataplane/message/web-socket.ts';
import { type Frame, FrameType, Setting } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient } from '../../harness/http2/frame-client.ts';
import { frameOrigin, type OriginScript, type OriginStream } from '../../harness/http2/frame-origin.ts';
import { dataFrame, headersFrame, rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { rawClient } from '../harness/raw-client.ts';
import { policy, serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** WebSocket: an upgrade in HTTP/1.1, an extended CONNECT in HTTP/2 (RFC 8441). */

const quiet = (...proxies: readonly StaticProxy[]) =>
  Promise.all(
    proxies.map((proxy) =>
      until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0, { timeoutMs: 3000, what: 'quiet' }),
    ),
  );

const extended: readonly Field[] = [
  [':method', 'CONNECT'],
  [':protocol', 'websocket'],
  [':scheme', 'http'],
  [':authority', 'app'],
  [':path', '/chat?room=1'],
  ['sec-websocket-version', '13'],
];

/** Asks for a tunnel; what comes of it is in the frames of the stream. */
function ask(client: FrameClient, fields: readonly Field[] = extended): number {
  const stream = client.nextStream();
  client.send(headersFrame(stream, headerBlock(fields)));
  return stream;
}

const answerTo = (client: FrameClient, stream: number) =>
  client.frame(FrameType.headers, (frame) => frame.stream === stream && frame.fields !== null);

const statusOf = (head: { fields: readonly Field[] | null }) => head.fields?.find(([name]) => name === ':status')?.[1];

const dataOf = (frames: readonly Frame[], stream: number) =>
  Buffer.concat(frames.filter((one) => one.type === FrameType.data && one.stream === stream).map((one) => one.payload));

const hasEnded = (frames: readonly Frame[], stream: number) =>
  frames.some((one) => one.stream === stream && one.type <= FrameType.headers && (one.flags & 1) === 1);

const upgradeHead = (fields = '', protocol = 'websocket') =>
  `GET /chat HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${fields}\r\n`;
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const webSocketHead = upgradeHead(`Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`);

/** An application of HTTP/1.1 that switches, and then sends back what it gets, and its end after the caller's. */
async function oldApp(t: Owner, accept: (request: OriginRequest) => string = acceptFor) {
  const origin = await scriptedOrigin(t, (request) => {
    const { socket } = request.connection;
    socket.on('data', (bytes) => socket.write(bytes));
    return `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(request)}\r\nX-Shard: 7\r\n\r\n`;
  });
  return { origin, proxy: await staticProxy(t, { resources: [...serviceAt('app', origin.port), noRetry] }) };
}

const noRetry = policy('app', { retry: { attempts: 0 } });
const acceptFor = ({ header }: OriginRequest) => acceptOf(header('sec-websocket-key')!);

/** An application of HTTP/2 that takes extended CONNECT, and opens a tunnel for each request. */
async function newApp(t: Owner, script: OriginScript = open, takes = true) {
  const settings = takes ? ([[Setting.enableConnectProtocol, 1]] as const) : [];
  const origin = await frameOrigin(t, script, { at: 'head', settings });
  return { origin, proxy: await staticProxy(t, { resources: [...speaking('http2', origin.port), noRetry] }) };
}

function open({ stream }: OriginStream): Buffer {
  return headersFrame(
    stream,
    headerBlock([
      [':status', '200'],
      ['x-shard', '7'],
    ]),
  );
}

for (const [name, close] of Object.entries({
  'its caller': (client: WebSocket) => client.close(1000, 'bye'),
  'its application': (_: WebSocket, app: WebSocketServer) => [...app.clients][0]!.close(1000, 'bye'),
  'a break at its caller': (client: WebSocket) => client.terminate(),
  'a break at its application': (_: WebSocket, app: WebSocketServer) => [...app.clients][0]!.terminate(),
}))
  t.test(`stock ends talk through two sidecars with HTTP/2 between them until ${name} ends it`, async (t) => {
    const app = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    await once(app, 'listening');
    t.teardown(() => {
      for (const socket of app.clients) socket.terminate();
      app.close();
    });
    app.on('connection', (socket) => {
      socket.on('error', () => undefined); // it is broken on purpose
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    const callee = await staticProxy(t, { appPort: (app.address() as AddressInfo).port });
    const caller = await staticProxy(t, { resources: speaking('http2', callee.inboundPort) });
    const client = new WebSocket(`ws://127.0.0.1:${caller.port}/chat`, { headers: { host: 'app' } });
    client.on('error', () => undefined); // likewise
    t.teardown(() => client.terminate());
    await once(client, 'open');
    const message = Buffer.alloc(1_000_000, 'message ');
    client.send(message);
    const [echoed] = (await once(client, 'message')) as [Buffer];
    t.ok(echoed.equals(message));
    const [served] = [...app.clients];
    const closed = Promise.all([once(client, 'close'), once(served!, 'close')]);
    close(client, app);
    const codes = (await closed).map(([code]) => code);
    if (name.startsWith('its')) t.strictSame(codes, [1000, 1000]);
    await quiet(caller, callee);
  });

t.test('a caller of HTTP/2 reaches an application of HTTP/1.1, and each side ends by itself', async (t) => {
  const { origin, proxy } = await oldApp(t);
  const client = await frameClient(t, proxy.port);
  const stream = ask(client);
  client.send(dataFrame(stream, 'early'));
  const { fields } = await answerTo(client, stream);
  t.strictSame(fields, [
    [':status', '200'],
    ['x-shard', '7'],
  ]);
  const { head, header } = origin.requests[0]!;
  t.match(head, /^GET \/chat\?room=1 HTTP\/1\.1\r\n/);
  t.strictSame(
    ['host', 'connection', 'upgrade', 'sec-websocket-version'].map((name) => header(name)?.toLowerCase()),
    ['app', 'upgrade', 'websocket', '13'],
  );
  client.send(dataFrame(stream, ' and late'));
  await client.until(() => `${dataOf(client.frames, stream)}` === 'early and late', 'the echo');
  client.send(dataFrame(stream, '', { endStream: true }));
  await client.until(() => hasEnded(client.frames, stream), 'the end');
  await quiet(proxy);
});

t.test('all that comes before a tunnel is open goes into it, byte by byte as it may have come', async (t) => {
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => 97 + (i % 26)));
  const { origin, proxy } = await oldApp(t);
  const client = await frameClient(t, proxy.port);
  const stream = ask(client);
  client.send(Buffer.concat([...bytes].map((byte) => dataFrame(stream, Buffer.of(byte)))));
  client.send(dataFrame(stream, '', { endStream: true }));
  await until(() => origin.connections[0]?.hasEnded);
  t.ok(origin.connections[0]!.received.endsWith(`\r\n\r\n${bytes}`));
  await client.until(() => dataOf(client.frames, stream).equals(bytes), 'the echo');
  await quiet(proxy);
});

t.test('an application of HTTP/1.1 that ends first can still be written to', async (t) => {
  const { origin, proxy } = await oldApp(t);
  const client = await frameClient(t, proxy.port);
  const stream = ask(client);
  await answerTo(client, stream);
  origin.connections[0]!.socket.end('bye');
  await client.until(() => hasEnded(client.frames, stream), 'the end');
  client.send(dataFrame(stream, 'thanks', { endStream: true }));
  await until(() => origin.connections[0]!.received.endsWith('thanks'));
  await quiet(proxy);
});

t.test('a caller of HTTP/1.1 reaches an application of HTTP/2, whoever ends first', async (t) => {
  for (const first of ['caller', 'application']) {
    const { origin, proxy } = await newApp(t);
    const client = await rawClient(t, proxy.port);
    client.send(`${webSocketHead}early`);
    const answer = await client.reply();
    t.equal(answer.status, 101);
    t.strictSame(
      ['connection', 'upgrade', 'sec-websocket-accept', 'x-shard'].map((name) => answer.header(name)),
      ['Upgrade', 'websocket', acceptOf(key), '7'],
    );
    const request = origin.requests[0]!;
    t.strictSame(
      [':method', ':protocol', ':path', 'sec-websocket-version', 'sec-websocket-key', 'upgrade'].map(request.header),
      ['CONNECT', 'websocket', '/chat', '13', undefined, undefined],
    );
    await until(() => request.body.toString() === 'early');
    request.connection.send(dataFrame(request.stream, 'hello'));
    await client.until((text) => text === 'hello');
    const endOrigin = () => request.connection.send(dataFrame(request.stream, 'bye', { endStream: true }));
    if (first === 'caller') {
      client.end('last');
      await until(() => request.hasEnded);
      endOrigin();
    } else {
      endOrigin();
      await until(() => client.hasEnded);
      client.end('last');
      await until(() => request.hasEnded);
    }
    t.equal(request.body.toString(), 'earlylast');
    t.equal(await client.closed(), 'hellobye');
    await quiet(proxy);
    t.equal(request.resetBy, null, first);
    t.notOk(request.connection.hasEnded, 'the connection is there for others');
  }
});

t.test('a caller of HTTP/2 reaches an application of HTTP/2', async (t) => {
  const { origin, proxy } = await newApp(t);
  const client = await frameClient(t, proxy.port);
  const stream = ask(client);
  t.equal(statusOf(await answerTo(client, stream)), '200');
  const request = origin.requests[0]!;
  client.send(dataFrame(stream, 'hello'));
  await until(() => request.body.toString() === 'hello');
  request.connection.send(dataFrame(request.stream, 'bye', { endStream: true }));
  await client.until(() => hasEnded(client.frames, stream), 'the end');
  client.send(dataFrame(stream, '', { endStream: true }));
  await until(() => request.hasEnded);
  await quiet(proxy);
  const broken = ask(client);
  await answerTo(client, broken);
  client.send(rstStreamFrame(broken, 'CANCEL'));
  await until(() => origin.requests[1]!.resetBy === 'CANCEL');
  const lost = ask(client);
  await answerTo(client, lost);
  origin.connections[0]!.send(rstStreamFrame(origin.requests[2]!.stream, 'INTERNAL_ERROR'));
  t.match(await client.reply(lost), { end: 'reset' });
  await quiet(proxy);
});

t.test('an application of HTTP/2 that opens a tunnel and ends it in one has its end heard', async (t) => {
  const script: OriginScript = ({ stream }) =>
    headersFrame(stream, headerBlock([[':status', '200']]), { endStream: true });
  const { origin, proxy } = await newApp(t, script);
  const client = await frameClient(t, proxy.port);
  const stream = ask(client);
  await client.until(() => hasEnded(client.frames, stream), 'the end');
  const old = await rawClient(t, proxy.port);
  old.send(webSocketHead);
  t.equal((await old.reply()).status, 101);
  await until(() => old.hasEnded);
  client.send(dataFrame(stream, '', { endStream: true }));
  old.end();
  await until(() => origin.requests.every((request) => request.hasEnded));
  const early = ask(client);
  client.send(dataFrame(early, 'all of it', { endStream: true }));
  t.match(await client.reply(early), { status: 200, end: 'whole' });
  await quiet(proxy);
});

t.test('a handshake that is refused is the application’s own reply, and the connection goes on', async (t) => {
  const script: OriginScript = ({ stream }) =>
    Buffer.concat([
      headersFrame(
        stream,
        headerBlock([
          [':status', '403'],
          ['content-length', '2'],
        ]),
      ),
      dataFrame(stream, 'no', { endStream: true }),
    ]);
  const { origin, proxy } = await newApp(t, script);
  const old = await scriptedOrigin(t, () => reply('no', '', 403));
  const oldProxy = await staticProxy(t, { resources: serviceAt('app', old.port) });
  for (const { port } of [proxy, oldProxy]) {
    const client = await frameClient(t, port);
    for (let i = 0; i < 2; i++) {
      const answer = await client.reply(ask(client));
      t.match(answer, { status: 403, end: 'whole' });
      t.equal(answer.body.toString(), 'no');
    }
  }
  const client = await rawClient(t, proxy.port);
  client.send(webSocketHead);
  const answer = await client.reply();
  t.strictSame([answer.status, answer.body.toString()], [403, 'no']);
  t.ok(origin.requests.every(({ resetBy }) => resetBy === null || resetBy === 'CANCEL'));
  await quiet(proxy, oldProxy);
});

t.test('an application that answers to another key, or to none, opens nothing', async (t) => {
  for (const accept of ['AAAAAAAAAAAAAAAAAAAAAAAAAAA=', '']) {
    const { origin, proxy } = await oldApp(t, () => accept);
    const client = await frameClient(t, proxy.port);
    const answer = await client.reply(ask(client));
    t.equal(answer.status, 502);
    t.equal(new Map(answer.fields).get('x-meshlane-reason'), 'upstream_protocol');
    await until(() => origin.connections[0]!.isClosed);
    await quiet(proxy);
    t.equal(await proxy.metric('meshlane_requests_total', { code: '502' }), 1);
  }
});

t.test('an instance that does not take extended CONNECT is not sent any', async (t) => {
  const { origin, proxy } = await newApp(t, open, false);
  const client = await frameClient(t, proxy.port);
  const answer = await client.reply(ask(client));
  t.equal(answer.status, 501);
  t.equal(new Map(answer.fields).get('x-meshlane-reason'), 'not_implemented');
  const old = await rawClient(t, proxy.port);
  old.send(webSocketHead);
  t.equal((await old.reply()).status, 501);
  t.equal(origin.requests.length, 0);
  await quiet(proxy);
});

t.test('an upgrade to something else is not taken for a WebSocket', async (t) => {
  const { origin, proxy } = await newApp(t);
  for (const protocol of ['echo', 'websocket, echo', 'TLS/1.0']) {
    const client = await rawClient(t, proxy.port);
    client.send(upgradeHead('', protocol));
    t.equal((await client.reply()).status, 501, protocol);
  }
  t.equal(origin.requests.length, 0);
  const client = await rawClient(t, proxy.port);
  client.send(upgradeHead(`Sec-WebSocket-Key: ${key}\r\n`, 'WebSocket'));
  t.equal((await client.reply()).status, 101);
  client.reset();
  await quiet(proxy);
});

t.test('the request behind an upgrade that fails at once keeps its body', async (t) => {
  const { port } = await frameOrigin(t, () => undefined);
  const other = await scriptedOrigin(t, ({ body }) => reply(`got ${body}`));
  const proxy = await staticProxy(t, {
    resources: [
      ...speaking('http2', port),
      ...serviceAt('other', other.port),
      policy('other', { retry: { attempts: 0 } }),
    ],
  });
  const caller = await rawClient(t, proxy.port);
  caller.send(
    'GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n' +
      'POST / HTTP/1.1\r\nHost: other\r\nContent-Length: 4\r\n\r\nbody',
  );
  t.equal((await caller.reply()).status, 501);
  t.equal((await caller.reply()).body.toString(), 'got body');
});
