import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { staticProxy } from '../harness/static-proxy.ts';
import { callerOf, type Handler, originOf, pairs, speaking } from './calling.ts';

/** What a request and its reply say is the same on both sides of a proxy, whatever the sides speak. */

const text = 'a,\tb "c"; d=\xe9';
const upload = bytes(6_000_000, 'up');
const download = bytes(7_000_000, 'down');

function bytes(size: number, seed: string): Buffer {
  return Buffer.alloc(size, createHash('sha512').update(seed).digest());
}

function digest(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

/** A body that comes in pieces of many sizes. */
function* pieces(body: Buffer): Iterable<Buffer> {
  let size = 1;
  for (let from = 0; from < body.length; from += size) {
    size = ((size * 7919 + 1) % 70_001) + 1;
    yield body.subarray(from, from + size);
  }
}

async function echo(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const body = await buffer(request);
  reply.writeHead(200, {
    'content-length': body.length + 2,
    'x-method': request.method!,
    'x-target': request.url!,
    'x-length': request.headers['content-length'] ?? 'none',
    'x-host': request.headers.host ?? (request.headers[':authority'] as string),
    'set-cookie': ['a=1', 'b=2'],
    'x-text': request.headers['x-text'] ?? '',
  });
  reply.end(Buffer.concat([Buffer.from('> '), body]));
}

function bodiless({ method, url }: IncomingMessage, reply: ServerResponse): void {
  const status = Number(url!.split('/')[2]);
  if (!Number.isNaN(status)) reply.writeHead(status, { etag: '"a"' }).end();
  else reply.writeHead(200, { 'content-length': 12 }).end(method === 'GET' ? 'twelve bytes' : undefined);
}

async function trailing(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const body = await buffer(request);
  reply.writeHead(200, { trailer: 'x-echo' });
  if (body.length > 0) reply.write(body);
  reply.addTrailers({ 'x-echo': `${request.trailers['x-sum']}`, 'x-other': '' });
  reply.end();
}

async function interim(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  reply.writeEarlyHints({ link: '</style.css>; rel=preload' });
  if (request.headers.expect !== undefined) reply.writeContinue();
  reply.end(`got ${await buffer(request)}`);
}

/** Digests of what came to `large`. */
const uploads: string[] = [];

/** Answers while it reads. */
async function large(request: IncomingMessage, reply: ServerResponse): Promise<void> {
  const received = buffer(request);
  const isOfKnownLength = request.headers['content-length'] !== undefined;
  reply.writeHead(200, isOfKnownLength ? { 'content-length': download.length } : {});
  const last = download.length - 1;
  for (const piece of pieces(download.subarray(0, last))) if (!reply.write(piece)) await once(reply, 'drain');
  uploads.push(digest(await received));
  reply.end(download.subarray(last));
}

function fieldsBack(request: IncomingMessage, reply: ServerResponse): void {
  const fields = Object.entries(request.headers).filter(([field]) => field.startsWith('x-n'));
  reply.writeHead(200, Object.fromEntries(fields) as Record<string, string>).end();
}

const places: Readonly<Record<string, Handler>> = { echo, bodiless, trailing, interim, large, fields: fieldsBack };
const handler: Handler = (request, reply) => places[request.url!.split(/[/?]/)[1]!]!(request, reply);

for (const pair of pairs)
  t.test(`${pair.join(' -> ')}: a request and its reply`, async (t) => {
    const [from, to] = pair;
    const resources = speaking(to, await originOf(t, to, handler));
    const proxy = await staticProxy(t, { resources });
    const call = callerOf(t, from, proxy.port);

    await t.test('methods, lengths, fields and bodies are carried', async (t) => {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE']) {
        const body = method.startsWith('P') ? Buffer.from(`body of ${method}`) : undefined;
        const length = body === undefined ? {} : { 'content-length': `${body.length}` };
        const target = `/echo/${method}?q=%20a`;
        const fields = { 'x-text': text, ...length };
        const answer = await call({ method, path: target, fields, ...(body === undefined ? {} : { body }) });
        t.match(answer, { status: 200, interim: [] });
        t.equal(answer.body.toString(), `> ${body ?? ''}`);
        t.match(answer.fields, {
          'content-length': `${answer.body.length}`,
          'x-method': method,
          'x-target': target,
          'x-length': length['content-length'] ?? 'none',
          'x-host': 'app',
          'set-cookie': ['a=1', 'b=2'],
          'x-text': text,
        });
      }
    });

    await t.test('a reply to HEAD, a 204 and a 304 have no body, and say only what was said', async (t) => {
      const head = await call({ method: 'HEAD', path: '/bodiless/length' });
      t.match(head, { status: 200, fields: { 'content-length': '12' } });
      t.equal(head.body.length, 0);
      t.equal((await call({ path: '/bodiless/length' })).body.toString(), 'twelve bytes');
      for (const status of [200, 204, 304, 404, 500])
        for (const method of ['GET', 'HEAD']) {
          const answer = await call({ method, path: `/bodiless/${status}` });
          t.match(answer, { status, fields: { etag: '"a"' } });
          t.equal(answer.body.length, 0);
          const mayHaveLength = method === 'GET' && status !== 204 && status !== 304;
          if (!mayHaveLength) t.notOk('content-length' in answer.fields, `${method} ${status}`);
        }
    });

    await t.test('trailers travel behind a body and without one, in both directions', async (t) => {
      const chunked = from === 'http1' ? { 'transfer-encoding': 'chunked' } : {};
      for (const body of [Buffer.from('some'), Buffer.alloc(0)]) {
        const fields = { trailer: 'x-sum', ...chunked };
        const answer = await call({ method: 'POST', path: '/trailing', body, fields, trailers: { 'x-sum': '42' } });
        t.equal(answer.body.toString(), body.toString());
        t.match(answer.trailers, { 'x-echo': '42', 'x-other': '' });
      }
    });

    await t.test('interim replies are carried, and a 100 asks for the body', async (t) => {
      const hinted = await call({ path: '/interim' });
      t.strictSame(hinted.interim, [103]);
      t.equal(hinted.body.toString(), 'got ');
      const fields = { expect: '100-continue', 'content-length': '5' };
      const asked = await call({ method: 'POST', path: '/interim', fields, body: Buffer.from('hello') });
      t.ok(asked.interim.includes(103));
      t.equal(asked.body.toString(), 'got hello');
    });

    for (const length of [{}, { 'content-length': `${upload.length}` }])
      await t.test(
        `large bodies pass both ways at once, ${Object.keys(length)[0] ?? 'of unknown length'}`,
        async (t) => {
          const body = Readable.from(pieces(upload));
          const answer = await call({ method: 'POST', path: '/large', fields: length, body });
          t.equal(digest(answer.body), digest(download));
          t.equal(uploads.pop(), digest(upload));
        },
      );

    await t.test('heads of many fields, and of more than a frame, are carried', async (t) => {
      const fields = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x-n-${i}`, `${i}`.repeat(i * 3)]));
      for (let round = 0; round < 4; round++) t.match((await call({ path: '/fields', fields })).fields, fields);
      const large = 'v'.repeat(40_000);
      for (let round = 0; round < 3; round++) {
        const answer = await call({ path: '/fields', fields: { 'x-n': large } });
        t.ok(answer.fields['x-n'] === large);
      }
    });

    t.equal(await proxy.metric('meshlane_local_replies_total'), 0);
    t.equal(await proxy.metric('meshlane_requests_in_flight'), 0);
    t.equal(await proxy.metric('meshlane_replies_cut_total'), 0);
  });
