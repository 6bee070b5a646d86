import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:http2';
import type { Readable } from 'node:stream';
import t from 'tap';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { get, rawClient } from '../harness/raw-client.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { callerOf, originOf, type Protocol, speaking } from './calling.ts';

/**
 * Whoever does not read stops the one that writes to it, and nobody else. What has left a writer and did not arrive is all
 * that can be anywhere between them, in the proxy's memory or the kernel's.
 */

const mebibyte = 1024 * 1024;
const largeBytes = 64 * mebibyte;
const mostBetween = 8 * mebibyte;
const piece = Buffer.alloc(65_536);

/** What has been written of one large body; it has stopped when nothing more goes for a while. */
class Pump {
  bytes = 0;
  readonly done: Promise<void>;

  constructor(to: NodeJS.WritableStream) {
    this.done = this.#run(to);
  }

  async #run(to: NodeJS.WritableStream): Promise<void> {
    for (; this.bytes < largeBytes; this.bytes += piece.length)
      await new Promise<void>((resolve) => to.write(piece, () => resolve()));
    to.end();
  }

  async stopped(): Promise<number> {
    let before = -1;
    let unmoved = 0;
    await until(
      () => {
        unmoved = this.bytes === before ? unmoved + 1 : 0;
        before = this.bytes;
        return unmoved === 4;
      },
      { everyMs: 50, timeoutMs: 20_000, what: 'the writer’s stop' },
    );
    return before;
  }
}

async function readAll(from: Readable): Promise<number> {
  let bytes = 0;
  from.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  from.resume();
  await once(from, 'end');
  return bytes;
}

/** An application that streams to who asks for `/large`, does not read from who sends there, and answers others. */
async function app(t: Owner, protocol: Protocol) {
  const pumps: Pump[] = [];
  const uploads: IncomingMessage[] = [];
  const port = await originOf(t, protocol, (request: IncomingMessage, reply: ServerResponse) => {
    if (request.url !== '/large') return reply.end('small');
    if (request.method === 'POST') {
      request.pause();
      uploads.push(request);
      return request.on('end', () => reply.end('all of it'));
    }
    request.resume();
    reply.on('error', () => undefined); // some readers leave
    return pumps.push(new Pump(reply));
  });
  const proxy = await staticProxy(t, { resources: speaking(protocol, port) });
  return { pumps, uploads, proxy };
}

for (const protocol of ['http1', 'http2'] as const) {
  t.test(
    `a reader of HTTP/2 that is slow stops its reply from ${protocol}, and no other of its connection`,
    async (t) => {
      const { pumps, proxy } = await app(t, protocol);
      const client = connect(`http://127.0.0.1:${proxy.port}`);
      t.teardown(() => client.destroy());
      const rssBefore = process.memoryUsage.rss();
      const slow = client.request({ ':path': '/large', ':authority': 'app' });
      slow.pause();
      const pump = await until(() => pumps[0]);
      const left = await pump.stopped();
      t.ok(left < mostBetween, `${(left / mebibyte).toFixed(1)} MiB left`);
      const grown = process.memoryUsage.rss() - rssBefore;
      t.ok(grown < 48 * mebibyte, `RSS of all sides together grew by ${(grown / mebibyte).toFixed(1)} MiB`);
      const other = client.request({ ':path': '/', ':authority': 'app' });
      other.resume();
      const [head] = await once(other, 'response');
      t.equal(head[':status'], 200);
      t.equal(await readAll(slow), largeBytes);
    },
  );

  t.test(
    `an instance of ${protocol} that does not read stops the upload, and no other request of its connection`,
    async (t) => {
      const { uploads, proxy } = await app(t, protocol);
      const client = connect(`http://127.0.0.1:${proxy.port}`);
      t.teardown(() => client.destroy());
      const upload = client.request({ ':method': 'POST', ':path': '/large', ':authority': 'app' });
      const pump = new Pump(upload);
      const left = await pump.stopped();
      t.ok(left < mostBetween, `${(left / mebibyte).toFixed(1)} MiB left`);
      const other = client.request({ ':path': '/', ':authority': 'app' });
      other.resume();
      const [head] = await once(other, 'response');
      t.equal(head[':status'], 200);
      t.equal(await readAll(uploads[0]!), largeBytes);
      await readAll(upload);
    },
  );
}

t.test('a reader of HTTP/1.1 that is slow stops its reply over HTTP/2', async (t) => {
  const { pumps, proxy } = await app(t, 'http2');
  const slow = await rawClient(t, proxy.port);
  slow.socket.pause();
  slow.send(get('/large'));
  const pump = await until(() => pumps[0]);
  t.ok((await pump.stopped()) < mostBetween);
  slow.socket.removeAllListeners('data');
  slow.socket.resume();
  await until(() => slow.socket.bytesRead > largeBytes);
});

t.test('many slow readers do not stop others that share a connection to the instance with them', async (t) => {
  const { pumps, proxy } = await app(t, 'http2');
  const call = callerOf(t, 'http2', proxy.port);
  const slow = await Promise.all(Array.from({ length: 12 }, () => rawClient(t, proxy.port)));
  for (const client of slow) {
    client.socket.pause();
    client.send(get('/large'));
  }
  await until(() => pumps.length === slow.length);
  for (const pump of pumps) await pump.stopped();
  const answer = await call({ path: '/' });
  t.equal(answer.body.toString(), 'small');
  t.equal(await proxy.metric('meshlane_requests_in_flight'), slow.length);
  for (const pump of pumps) t.ok(pump.bytes < mostBetween);
});
