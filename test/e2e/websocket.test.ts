import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket, WebSocketServer } from 'ws';
import { residentBytesOf } from '../bench/proc.ts';
import { rawClient } from '../dataplane/harness/raw-client.ts';
import { until } from '../harness/until.ts';
import { type PairOptions, sidecarPair } from './sidecar-pair.ts';
import { closeOf, openSocket, portOf, untilQuiet } from './websocket-mesh.ts';

/** WebSocket through two sidecars, with a stock client and a stock server (RFC 6455). */

const mebibyte = 1024 * 1024;

/** A server that sends back what it gets, behind two sidecars. */
async function echoMesh(t: Test, server: { perMessageDeflate?: boolean } = {}, options?: PairOptions) {
  const app = new WebSocketServer({ port: 0, host: '127.0.0.1', ...server });
  app.on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary })),
  );
  return { app, pair: await sidecarPair(t, await portOf(t, app), options) };
}

/** The nth message of a long conversation: mostly short, some long, every third one binary, empty ones among them. */
function messageOf(n: number): { data: string | Buffer; isBinary: boolean } {
  const size = n % 97 === 0 ? 70_000 + n : n % 11 === 0 ? n % 9000 : (n * 7) % 300;
  const text = `message ${n} `.repeat(Math.ceil(size / 9)).slice(0, size);
  return n % 3 === 0 ? { data: Buffer.from(text), isBinary: true } : { data: text, isBinary: false };
}

/** Sends a message whole, or cut into three frames of which some may be empty. */
function send(socket: WebSocket, n: number): void {
  const { data, isBinary } = messageOf(n);
  if (n % 5 !== 0) return socket.send(data, { binary: isBinary });
  const cuts = [0, Math.floor(data.length / 3), Math.floor(data.length / 2), data.length];
  for (let i = 0; i < 3; i++) socket.send(data.slice(cuts[i], cuts[i + 1]), { binary: isBinary, fin: i === 2 });
}

for (const perMessageDeflate of [false, true])
  t.test(`10,000 messages come back as they were sent, ${perMessageDeflate ? 'compressed' : 'plain'}`, async (t) => {
    const { pair } = await echoMesh(t, { perMessageDeflate });
    const socket = await openSocket(t, pair, { perMessageDeflate });
    t.equal(socket.extensions.includes('permessage-deflate'), perMessageDeflate);
    const count = 10_000;
    const mostUnderWay = 64;
    let sent = 0;
    let received = 0;
    let pongs = 0;
    socket.on('pong', (payload) => {
      if (payload.toString() === `ping ${pongs}`) pongs++;
    });
    const done = new Promise<void>((resolve, reject) => {
      const go = () => {
        for (; sent < count && sent - received < mostUnderWay; sent++) {
          send(socket, sent);
          if (sent % 100 === 0) socket.ping(`ping ${sent / 100}`);
        }
      };
      socket.on('message', (data: Buffer, isBinary) => {
        const wanted = messageOf(received);
        const isSame = isBinary === wanted.isBinary && data.equals(Buffer.from(wanted.data as string));
        if (!isSame) return reject(new Error(`message ${received} came back changed`));
        if (++received === count) resolve();
        else go();
      });
      socket.on('close', (code) => reject(new Error(`closed with ${code} after ${received} messages`)));
      go();
    });
    await done;
    await until(() => pongs === count / 100, { what: 'every pong' });
    const closed = closeOf(socket);
    socket.close(4321, 'done');
    t.match(await closed, { code: 4321, reason: 'done' });
    await untilQuiet(pair.caller, pair.callee);
  });

/** Highest resident memory of both sidecars, looked at again and again, above what it is now. */
function watchMemory(t: Test, ...pids: readonly number[]): () => number {
  const idle = pids.map((pid) => residentBytesOf(pid).now);
  let growth = 0;
  const timer = setInterval(() => {
    pids.forEach((pid, i) => {
      growth = Math.max(growth, residentBytesOf(pid).now - idle[i]!);
    });
  }, 50);
  t.teardown(() => clearInterval(timer));
  return () => growth;
}

t.test('100 MB come back unchanged, in little memory', async (t) => {
  const { pair } = await echoMesh(t);
  const socket = await openSocket(t, pair);
  const growth = watchMemory(t, pair.caller.pid, pair.callee.pid);
  const piece = randomBytes(mebibyte);
  const total = 100 * mebibyte;
  const [there, back] = [createHash('sha256'), createHash('sha256')];
  let received = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      back.update(data);
      received += data.length;
      if (received === total) resolve();
    });
    socket.on('close', (code) => reject(new Error(`closed with ${code} after ${received} bytes`)));
  });
  for (let sent = 0, n = 0; sent < total; n++) {
    // From 1 byte to 1 MiB, so that frames of all three length codes are among them (RFC 6455 §5.2).
    const size = Math.min([mebibyte, 1, 125, 65_536, 300_000, 126][n % 6]!, total - sent);
    const data = piece.subarray(0, size);
    there.update(data);
    await new Promise<void>((resolve, reject) => socket.send(data, (error) => (error ? reject(error) : resolve())));
    sent += size;
  }
  await done;
  t.equal(back.digest('hex'), there.digest('hex'));
  t.ok(growth() <= 64 * mebibyte, `a sidecar grew by ${Math.round(growth() / 1e6)} MB`);
  socket.terminate();
  await untilQuiet(pair.caller, pair.callee);
});

for (const slow of ['client', 'server'] as const)
  t.test(`a ${slow} that reads nothing stops the sender, and gets everything later`, async (t) => {
    const { app, pair } = await echoMesh(t);
    app.removeAllListeners('connection');
    const accepted = once(app, 'connection') as Promise<[WebSocket]>;
    const client = await openSocket(t, pair);
    const [server] = await accepted;
    const [reader, sender] = slow === 'client' ? [client, server] : [server, client];
    const growth = watchMemory(t, pair.caller.pid, pair.callee.pid);
    const total = 200 * mebibyte;
    const piece = randomBytes(mebibyte / 4);
    let [sent, received] = [0, 0];
    reader.on('message', (data: Buffer) => (received += data.length));
    reader.pause();
    const sending = (async () => {
      for (; sent < total; sent += piece.length)
        await new Promise<void>((resolve, reject) =>
          sender.send(piece, (error) => (error ? reject(error) : resolve())),
        );
    })();
    let [before, sinceMs] = [-1, 0];
    await until(
      () => {
        if (sent !== before) [before, sinceMs] = [sent, performance.now()];
        return performance.now() - sinceMs > 500;
      },
      { what: 'a sender that stands still' },
    );
    t.ok(sent < total / 2, `${Math.round(sent / 1e6)} MB were taken`); // what six sockets of the kernel hold
    t.ok(growth() <= 64 * mebibyte, `a sidecar grew by ${Math.round(growth() / 1e6)} MB`);
    reader.resume();
    await sending;
    await until(() => received === total, { what: 'the rest' });
    t.ok(growth() <= 64 * mebibyte, `a sidecar grew by ${Math.round(growth() / 1e6)} MB`);
  });

t.test('500 WebSockets at once', async (t) => {
  const { pair } = await echoMesh(t);
  const sockets = await Promise.all(Array.from({ length: 500 }, () => openSocket(t, pair)));
  t.equal(await pair.caller.metric('meshlane_requests_in_flight'), 500);
  const echoed = await Promise.all(
    sockets.map(async (socket, i) => {
      socket.send(`hello ${i}`);
      const [data] = (await once(socket, 'message')) as [Buffer];
      return data.toString() === `hello ${i}`;
    }),
  );
  t.equal(echoed.filter(Boolean).length, 500);
  const closes = sockets.map((socket) => closeOf(socket));
  for (const socket of sockets) socket.close(1000);
  t.ok((await Promise.all(closes)).every(({ code }) => code === 1000));
  await untilQuiet(pair.caller, pair.callee);
});

t.test('an idle WebSocket outlives the time of a head and of an idle connection', async (t) => {
  const limits = { headTimeout: '200ms', keepAliveTimeout: '200ms' };
  const { pair } = await echoMesh(t, {}, { spec: { limits } });
  const socket = await openSocket(t, pair);
  // Connections made later and closed by these very limits show that their time has passed.
  for (const bytes of ['', 'GET / HT', 'GET / HTTP/1.1\r\nHost: nobody\r\n\r\n']) {
    const witness = await rawClient(t, pair.caller.port);
    witness.send(bytes);
    await witness.closed();
    witness.socket.destroy();
  }
  const witness = await rawClient(t, pair.callee.port);
  await witness.closed();
  witness.socket.destroy();
  socket.send('still here');
  const [data] = (await once(socket, 'message')) as [Buffer];
  t.equal(data.toString(), 'still here');
});

t.test('subprotocol, extensions and fields of the handshake reach the other side', async (t) => {
  let asked: IncomingMessage | undefined;
  const app = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: true,
    handleProtocols: (protocols) => [...protocols].at(-1)!,
  });
  app.on('headers', (fields, request) => {
    fields.push('X-Shard: 7');
    asked = request;
  });
  const pair = await sidecarPair(t, await portOf(t, app));
  const client = new WebSocket(`ws://127.0.0.1:${pair.caller.port}/chat?room=1`, ['v1.chat', 'v2.chat'], {
    headers: { host: 'app', cookie: 'sid=1' },
    origin: 'http://shop.example',
    perMessageDeflate: { clientMaxWindowBits: 10 },
  });
  t.teardown(() => client.terminate());
  const upgraded = once(client, 'upgrade') as Promise<[IncomingMessage]>;
  await once(client, 'open');
  t.equal(client.protocol, 'v2.chat');
  t.equal(client.extensions, 'permessage-deflate');
  const [reply] = await upgraded;
  t.equal(reply.headers['x-shard'], '7');
  t.match(reply.headers, { connection: /^upgrade$/i, upgrade: /^websocket$/i });
  t.equal(asked?.url, '/chat?room=1');
  t.match(asked?.headers, {
    host: 'app',
    origin: 'http://shop.example',
    cookie: 'sid=1',
    connection: /^upgrade$/i,
    upgrade: /^websocket$/i,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'v1.chat,v2.chat',
    'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits=10',
  });
});

t.test('a refused handshake is the application’s own reply, and its connection takes no other request', async (t) => {
  const app = createServer((_, reply) => reply.end('page'));
  app.on('upgrade', (request, socket) => {
    if (request.url === '/keep') socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno');
    else socket.end('HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\r\nold');
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.teardown(() => {
    app.closeAllConnections();
    app.close();
  });
  const pair = await sidecarPair(t, (app.address() as AddressInfo).port);
  for (const [path, status, body] of [
    ['/keep', 400, 'no'],
    ['/old', 426, 'old'],
  ] as const) {
    const client = new WebSocket(`ws://127.0.0.1:${pair.caller.port}${path}`, { headers: { host: 'app' } });
    client.on('error', () => undefined); // it is refused
    const [, reply] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
    let text = '';
    for await (const chunk of reply) text += chunk;
    t.equal(reply.statusCode, status);
    t.equal(text, body);
  }
  const client = await rawClient(t, pair.caller.port);
  client.send('GET / HTTP/1.1\r\nHost: app\r\n\r\n');
  t.equal((await client.reply()).body.toString(), 'page');
  await untilQuiet(pair.caller, pair.callee);
});
