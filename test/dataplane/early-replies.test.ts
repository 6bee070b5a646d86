import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import type { Owner } from '../harness/owner.ts';
import { until } from '../harness/until.ts';
import { rawClient } from './harness/raw-client.ts';
import { policy, serviceAt } from './harness/resources.ts';
import { reply, scriptedOrigin } from './harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from './harness/static-proxy.ts';

/** Replies that come before the request's body has ended (RFC 9112 §9.3, RFC 9110 §10.1.1). */

const uploadBytes = 50 * 1024 * 1024;
const piece = Buffer.alloc(256 * 1024, 'u');
const tooLarge = (fields: string) => reply('too large', fields, 413);

/** An origin that hands over each connection once a request's head and the first of its body are there. */
async function origin(t: Owner, onUpload: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    let text = '';
    const onData = (chunk: Buffer) => {
      text += chunk.toString('latin1', 0, 4096);
      if (!/\r\n\r\nu/.test(text)) return;
      socket.off('data', onData);
      onUpload(socket);
    };
    socket.on('data', onData);
    socket.on('error', () => undefined); // connections are broken on purpose
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

const noRetry = policy('app', { retry: { attempts: 0 } });

/** Sends the head of an upload and as much of it as the connection takes, without reading before all is gone or nothing moves. */
async function upload(t: Owner, proxy: StaticProxy, reads: boolean) {
  const client = await rawClient(t, proxy.port);
  if (!reads) client.socket.pause();
  client.send(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${uploadBytes}\r\n\r\n`);
  let sent = 0;
  const send = () => {
    while (sent < uploadBytes && client.socket.writable) {
      sent += piece.length;
      if (!client.socket.write(piece)) return;
    }
  };
  client.socket.on('drain', send);
  send();
  return { client, sent: () => sent };
}

const ways: Readonly<Record<string, (socket: Socket) => void>> = {
  'and closes at once': (socket) => {
    socket.pause();
    socket.write(tooLarge('Connection: close\r\n'), () => socket.destroy()); // unread bytes: the kernel makes it a RST
  },
  'and resets': (socket) => {
    socket.pause();
    socket.write(tooLarge(''), () => socket.resetAndDestroy());
  },
  'and stays open without reading': (socket) => {
    socket.pause();
    socket.write(tooLarge(''));
  },
  'and stays open and reads on': (socket) => {
    socket.write(tooLarge(''));
    socket.resume();
  },
  'in two parts, the second when nothing moves any more': (socket) => {
    socket.pause();
    const bytes = tooLarge('Connection: close\r\n');
    socket.write(bytes.slice(0, 20));
    let before = -1;
    const timer = setInterval(() => {
      if (before === socket.bytesRead) {
        clearInterval(timer);
        socket.write(bytes.slice(20), () => socket.destroy());
      }
      before = socket.bytesRead;
    }, 50);
  },
};

for (const [way, onUpload] of Object.entries(ways))
  t.test(`an instance that refuses a 50 MB upload ${way} is heard by the caller`, async (t) => {
    const { port, sockets } = await origin(t, onUpload);
    const proxy = await staticProxy(t, { resources: [...serviceAt('app', port), noRetry] });
    for (let round = 1; round <= 6; round++) {
      const { client, sent } = await upload(t, proxy, round % 2 === 0);
      if (round % 2 === 1) {
        // A caller that reads only when it can send no more, as simple ones do.
        await until(async () => sent() >= uploadBytes || (await proxy.metric('meshlane_requests_in_flight')) === 0);
        client.socket.resume();
      }
      const answer = await client.reply();
      t.equal(answer.status, 413);
      t.equal(answer.body.toString(), 'too large');
      t.equal(answer.header('connection'), 'close');
      await client.closed();
      client.socket.destroy();
    }
    await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
    t.equal(sockets.length, 6, 'no connection that was refused an upload is used again');
    t.equal(await proxy.metric('meshlane_requests_total', { code: '413' }), 6);
    t.equal(await proxy.metric('meshlane_local_replies_total'), 0);
  });

t.test('a caller that sends on for a while after it was refused still gets to its reply', async (t) => {
  const { port } = await origin(t, (socket) => void socket.write(tooLarge('')));
  const proxy = await staticProxy(t, { resources: [...serviceAt('app', port), noRetry] });
  const client = await rawClient(t, proxy.port);
  client.socket.pause();
  client.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000\r\n\r\nu');
  await until(async () => (await proxy.metric('meshlane_requests_total', { code: '413' })) === 1);
  // Longer than an idle connection lingers.
  for (const untilMs = performance.now() + 2500; performance.now() < untilMs; await wait(100)) client.send('u');
  client.socket.resume();
  t.equal((await client.reply()).body.toString(), 'too large');
  const begunMs = performance.now();
  await until(() => {
    client.send('');
    return client.hasEnded;
  });
  t.notOk(client.wasReset);
  t.ok(performance.now() - begunMs < 5000);
});

t.test('a reply to a request that waits for a 100 stands for it, and the body is never asked for', async (t) => {
  const origin = await scriptedOrigin(t, ({ head }) => reply('no', '', head.startsWith('POST /417') ? 417 : 200), {
    at: 'head',
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  for (const [i, status] of [417, 200].entries()) {
    const client = await rawClient(t, proxy.port);
    client.send(`POST /${status} HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n`);
    const answer = await client.reply();
    t.equal(answer.status, status, 'no interim reply of our own comes before');
    t.equal(answer.header('connection'), 'close', 'whether the body still comes cannot be known');
    t.equal(await client.closed(), '');
    t.match(origin.requests[i]!.head, /\r\nExpect: 100-continue\r\n/);
    await until(() => origin.connections[i]!.isClosed);
    t.equal(origin.connections[i]!.received.split('\r\n\r\n')[1], '', 'nothing of a body was sent');
  }
});

t.test('a 100 is passed on, and the body that it asks for as well', async (t) => {
  const origin = await scriptedOrigin(
    t,
    async ({ connection }) => {
      connection.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      await until(() => connection.received.endsWith('0123456789'));
      return reply('thanks');
    },
    { at: 'head' },
  );
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await rawClient(t, proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: app\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n');
  t.equal((await client.reply()).status, 100);
  client.send('0123456789');
  const answer = await client.reply();
  t.equal(answer.body.toString(), 'thanks');
  t.equal(answer.header('connection'), undefined);
});

t.test('a reply that began early and goes on with the upload is carried both ways', async (t) => {
  const { port } = await origin(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n');
    let size = 1;
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length;
      socket.write(size < 100_000 ? '1\r\n.\r\n' : '3\r\nend\r\n0\r\n\r\n');
    });
  });
  const proxy = await staticProxy(t, { resources: serviceAt('app', port) });
  const client = await rawClient(t, proxy.port);
  client.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100000\r\n\r\nu');
  await client.until((text) => text.includes('1\r\n0\r\n'));
  client.send(Buffer.alloc(99_999, 'u'));
  t.match((await client.reply()).body.toString(), /^0\.*end$/);
});
