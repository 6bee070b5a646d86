import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import { get, rawClient } from '../dataplane/harness/raw-client.ts';
import { scriptedOrigin } from '../dataplane/harness/scripted-origin.ts';
import { startProcess } from '../harness/process.ts';
import { until } from '../harness/until.ts';
import { type PairOptions, type SidecarPair, sidecarPair } from './sidecar-pair.ts';
import { closeOf, openSocket, portOf, untilQuiet } from './websocket-mesh.ts';

/** How the end of one side of a WebSocket reaches the other one through two sidecars. */

/** Within this an end must be known at the other side. */
const promisedMs = 1000;
/** No close frame came (RFC 6455 §7.1.5). */
const abnormal = 1006;

type Conversation = { pair: SidecarPair; client: WebSocket; server: WebSocket };

async function conversation(t: Test, options?: PairOptions): Promise<Conversation> {
  const app = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  app.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary })),
  );
  const accepted = once(app, 'connection') as Promise<[WebSocket]>;
  const pair = await sidecarPair(t, await portOf(t, app), options);
  const client = await openSocket(t, pair);
  const [server] = await accepted;
  return { pair, client, server };
}

/** The stock library’s own socket, to do to it what no library does. */
function tcpOf(socket: WebSocket): Socket {
  return (socket as unknown as { _socket: Socket })._socket;
}

const clientEnds: Record<string, (of: Conversation) => unknown> = {
  'the server is cut off when the client terminates': ({ client }) => client.terminate(),
  'the server is cut off when the client sends FIN without a close frame': ({ client }) => tcpOf(client).end(),
  'the server is cut off when the client sends RST': ({ client }) => tcpOf(client).resetAndDestroy(),
};
const serverEnds: Record<string, (of: Conversation) => unknown> = {
  'the client is cut off when the server terminates': ({ server }) => server.terminate(),
  'the client is cut off when the server sends FIN without a close frame': ({ server }) => tcpOf(server).end(),
  'the client is cut off when the server sends RST': ({ server }) => tcpOf(server).resetAndDestroy(),
  'the client is cut off when the server’s sidecar is killed': ({ pair }) => pair.callee.kill9(),
  'the client is cut off when its own sidecar is killed': ({ pair }) => pair.caller.kill9(),
};
for (const [ends, other] of [
  [clientEnds, 'server'],
  [serverEnds, 'client'],
] as const)
  for (const [title, end] of Object.entries(ends))
    t.test(title, async (t) => {
      const of = await conversation(t);
      const closed = closeOf(of[other]);
      const sinceMs = performance.now();
      end(of);
      const { code, atMs } = await closed;
      t.equal(code, abnormal);
      t.ok(atMs - sinceMs < promisedMs, `${Math.round(atMs - sinceMs)} ms`);
      const { caller, callee } = of.pair;
      if (title.includes('its own sidecar')) await untilQuiet(callee);
      else if (title.includes('sidecar')) await untilQuiet(caller);
      else await untilQuiet(caller, callee);
    });

t.test('the server is cut off when the client’s or its own sidecar is killed', async (t) => {
  for (const which of ['caller', 'callee'] as const) {
    const { pair, server } = await conversation(t);
    const closed = closeOf(server);
    const sinceMs = performance.now();
    pair[which].kill9();
    const { code, atMs } = await closed;
    t.equal(code, abnormal, which);
    t.ok(atMs - sinceMs < promisedMs, `${Math.round(atMs - sinceMs)} ms`);
  }
});

t.test('the client is cut off when the application is killed, idle or in the middle of a message', async (t) => {
  for (const isBusy of [false, true]) {
    const file = fileURLToPath(new URL('./websocket-app.ts', import.meta.url));
    const app = await startProcess({ command: process.execPath, args: [file], ready: /^ready: /, t });
    const pair = await sidecarPair(t, Number(/:(\d+)/.exec(app.output())![1]));
    const client = await openSocket(t, pair);
    if (isBusy) {
      const piece = Buffer.alloc(1024 * 1024);
      const flood = () => client.readyState === client.OPEN && client.send(piece, () => setImmediate(flood));
      flood();
      await once(client, 'message');
    }
    const closed = closeOf(client);
    const sinceMs = performance.now();
    app.kill9();
    const { code, atMs } = await closed;
    t.equal(code, abnormal, isBusy ? 'busy' : 'idle');
    t.ok(atMs - sinceMs < promisedMs, `${Math.round(atMs - sinceMs)} ms`);
    await untilQuiet(pair.caller, pair.callee);
  }
});

t.test('a close handshake stays one, whoever begins it', async (t) => {
  for (const [first, second] of [
    ['client', 'server'],
    ['server', 'client'],
  ] as const) {
    const of = await conversation(t);
    const closes = [closeOf(of[first]), closeOf(of[second])];
    of[first].close(1000, 'bye');
    for (const close of closes) t.match(await close, { code: 1000, reason: 'bye' });
    await untilQuiet(of.pair.caller, of.pair.callee);
  }
});

t.test('a side that is reset is told from one that ended, also beneath other protocols', async (t) => {
  const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n';
  let wasReset = 0;
  let hasEnded = 0;
  const origin = await scriptedOrigin(t, ({ connection: { socket } }) => {
    socket.removeAllListeners('end').on('end', () => {
      hasEnded++;
      socket.end();
    });
    socket.on('error', (error) => {
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') wasReset++;
    });
    return upgrade;
  });
  const pair = await sidecarPair(t, origin.port);
  const open = async () => {
    const caller = await rawClient(t, pair.caller.port);
    caller.send(get('/', 'app', 'Connection: upgrade\r\nUpgrade: raw\r\n'));
    await caller.until((text) => text.includes('\r\n\r\n'));
    return caller;
  };
  (await open()).reset();
  await until(() => wasReset === 1, { what: 'RST at the application' });
  t.equal(hasEnded, 0);
  (await open()).end();
  await until(() => hasEnded === 1, { what: 'FIN at the application' });
  t.equal(wasReset, 1);

  const caller = await open();
  origin.connections.at(-1)!.socket.resetAndDestroy();
  await until(() => caller.isClosed, { what: 'the end at the caller' });
  t.ok(caller.wasReset);
  const other = await open();
  origin.connections.at(-1)!.socket.end();
  await until(() => other.hasEnded, { what: 'the end at the caller' });
  t.notOk(other.wasReset);
  other.end();
  await untilQuiet(pair.caller, pair.callee);
});

t.test('a draining sidecar carries its WebSockets on and ends with the last one', async (t) => {
  const { pair, client, server } = await conversation(t);
  const ending = pair.caller.stop('SIGTERM');
  await until(
    () =>
      rawClient(t, pair.caller.port).then(
        () => false,
        () => true,
      ),
    { what: 'a closed port' },
  );
  client.send('still here');
  const [data] = (await once(client, 'message')) as [Buffer];
  t.equal(data.toString(), 'still here');
  const closed = closeOf(server);
  client.close(1000);
  t.equal((await closed).code, 1000);
  t.same(await ending, { code: 0, signal: null });
  await untilQuiet(pair.callee);
});

t.test('a WebSocket that outlasts the drain is cut off on both sides', async (t) => {
  for (const which of ['caller', 'callee'] as const) {
    const { pair, client, server } = await conversation(t, { spec: { drainTimeout: '300ms' } });
    const closes = [closeOf(client), closeOf(server)];
    t.same(await pair[which].stop('SIGTERM'), { code: 0, signal: null });
    for (const close of closes) t.equal((await close).code, abnormal);
  }
});
