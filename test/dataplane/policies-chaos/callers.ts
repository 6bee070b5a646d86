import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../../conformance/http1/mutations/random.ts';
import type { Owner } from '../../harness/owner.ts';
import { type RawReply, rawClient } from '../harness/raw-client.ts';
import { bodyOf } from './body-of.ts';

/** Callers of either protocol that ask for anything, and sometimes leave. Each writes down what it saw that must not be. */

const mostCancelMs = 80;
const sizes = [0, 0, 0, 5, 900, 9000, 40_000];
const extras: readonly Readonly<Record<string, string>>[] = [
  {},
  {},
  {},
  { 'idempotency-key': 'a' },
  { 'x-meshlane-deadline-ms': '60' },
  { 'x-meshlane-attempt': '2' },
  { origin: 'https://shop.example' },
  { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  { 'content-type': 'application/grpc', te: 'trailers' },
  { 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': '80m' },
  { 'content-type': 'application/grpc-web+proto' },
];

type Asked = {
  readonly id: string;
  readonly method: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** Null for a caller that waits for its reply. */
  readonly leavesAfterMs: number | null;
};

let asked = 0;

function draw(random: Random, session: string): Asked {
  const id = `id-${asked++}`;
  const extra = random.pick(extras);
  const method = extra['content-type'] === undefined ? random.pick(['GET', 'GET', 'PUT', 'POST', 'HEAD']) : 'POST';
  const size = method === 'GET' || method === 'HEAD' ? 0 : random.pick(sizes);
  const cookie = session === '' || random.oneIn(2) ? {} : { cookie: session };
  return {
    id,
    method,
    fields: { 'x-id': id, 'x-size': String(size), ...cookie, ...extra },
    body: bodyOf(id, size),
    leavesAfterMs: random.oneIn(6) ? random.below(mostCancelMs) : null,
  };
}

/** What every reply must have: the fields of the rule, and the name of its own request where an instance gave it. */
function check(id: string, header: (name: string) => string | undefined, wrong: string[]): void {
  if (header('x-replied') !== 'yes') wrong.push(`the reply to ${id} has not the field that the rule sets`);
  const named = header('x-id');
  if (named !== undefined && named !== id) wrong.push(`the reply to ${id} is the one to ${named}`);
}

const sessionIn = (setCookie: string | undefined, before: string) => setCookie?.split(';')[0] ?? before;

/** Requests one after the other on a connection of HTTP/1.1. */
export async function callHttp1(t: Owner, port: number, random: Random, wrong: string[]): Promise<void> {
  const client = await rawClient(t, port);
  let session = '';
  for (let requests = 1 + random.below(8); requests > 0; requests--) {
    const { id, method, fields, body, leavesAfterMs } = draw(random, session);
    const isChunked = random.oneIn(2) && method !== 'GET' && method !== 'HEAD';
    const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`;
    // Instances have no other protocol to go over to.
    const upgrade = method === 'GET' && random.oneIn(6) ? { connection: 'upgrade', upgrade: 'websocket' } : {};
    const lines = Object.entries({ ...fields, ...upgrade }).map(([name, value]) => `${name}: ${value}\r\n`);
    client.send(`${method} /chaos HTTP/1.1\r\nHost: app\r\n${framing}\r\n${lines.join('')}\r\n`);
    const sent = sendBody(body, isChunked, random, (piece) => client.socket.destroyed || client.send(piece));
    if (leavesAfterMs !== null) {
      await wait(leavesAfterMs);
      return client.reset();
    }
    const reply = await lastReply(client, method === 'HEAD');
    if (reply === null) {
      if (!/^HTTP\/1\.1 [2-5]/m.test(client.received)) wrong.push(`${id} was not answered`);
      return client.reset();
    }
    check(id, reply.header, wrong);
    session = sessionIn(reply.header('set-cookie'), session);
    let isSent = false;
    void sent.then(() => {
      isSent = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    if (client.received !== '') wrong.push(`behind the reply to ${id} there is ${client.received.slice(0, 100)}`);
    if (!isSent || reply.header('connection') === 'close') return client.reset();
  }
  client.reset();
}

async function lastReply(client: Awaited<ReturnType<typeof rawClient>>, bodyless: boolean): Promise<RawReply | null> {
  for (;;) {
    const reply = await client.reply({ bodyless }).catch(() => null);
    if (reply === null || reply.status >= 200) return reply;
  }
}

/** In a few pieces, of which some come later than others; a chunk for each if it is to be so. */
async function sendBody(
  body: Buffer,
  isChunked: boolean,
  random: Random,
  send: (piece: Buffer) => unknown,
): Promise<void> {
  const step = Math.max(1, Math.ceil(body.length / (1 + random.below(4))));
  for (let at = 0; at < body.length; at += step) {
    const piece = body.subarray(at, at + step);
    if (random.oneIn(3)) await wait(random.below(30));
    send(
      isChunked ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) : piece,
    );
  }
  if (isChunked) send(Buffer.from(random.oneIn(2) ? '0\r\n\r\n' : '0\r\nx-sum: 1\r\n\r\n'));
}

/** Requests at the same time on a connection of HTTP/2. */
export async function callHttp2(t: Owner, port: number, random: Random, wrong: string[]): Promise<void> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', (error) => wrong.push(`a connection of HTTP/2 broke: ${error.message}`));
  t.teardown(() => session.destroy());
  const cookie = { value: '' };
  const count = 4 + random.below(8);
  await Promise.all(Array.from({ length: count }, () => callOn(session, random, cookie, wrong)));
  await Promise.all(Array.from({ length: count }, () => callOn(session, random, cookie, wrong)));
  session.destroy();
}

async function callOn(
  session: ClientHttp2Session,
  random: Random,
  cookie: { value: string },
  wrong: string[],
): Promise<void> {
  const { id, method, fields, body, leavesAfterMs } = draw(random, cookie.value);
  const head: Record<string, string> = { ':method': method, ':path': '/chaos', ':authority': 'app', ...fields };
  if (leavesAfterMs !== null) delete head['x-size']; // Node ends the body of a call before it cancels it
  const call = session.request(head, { endStream: body.length === 0 });
  let replies = 0;
  call.on('error', () => undefined); // how a call ends is looked at below
  call.on('response', (headers) => {
    replies++;
    const header = (name: string) => headers[name]?.toString();
    check(id, header, wrong);
    cookie.value = sessionIn(header('set-cookie'), cookie.value);
  });
  call.resume();
  const isClosed = new Promise((resolve) => call.on('close', resolve));
  if (body.length > 0)
    void sendBody(body, false, random, (piece) => call.destroyed || call.write(piece)).then(() => call.end());
  if (leavesAfterMs !== null) {
    await wait(leavesAfterMs);
    call.close(constants.NGHTTP2_CANCEL);
  }
  await isClosed;
  if (replies !== 1 && leavesAfterMs === null) wrong.push(`${id} was answered ${replies} times`);
}
