import { once } from 'node:events';
import { connect, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import type { Owner } from '../owner.ts';
import { Flag, FrameType, has, Setting } from './frame.ts';
import { frameClient, requestFields } from './frame-client.ts';
import { frameOrigin, replyFrames } from './frame-origin.ts';
import { FrameReader } from './frame-reader.ts';
import {
  continuationFrame,
  dataFrame,
  frame,
  goawayFrame,
  headersFrame,
  pingFrame,
  priorityFrame,
  rstStreamFrame,
  windowUpdateFrame,
} from './frame-writer.ts';
import { headerBlock, indexed } from './hpack/encode.ts';

/** Node's own HTTP/2 (nghttp2) is the other side: what both read alike is not of our own making. */
async function nodeServer(t: Owner): Promise<number> {
  const server = createServer({ settings: { maxConcurrentStreams: 7 } }, async (request, reply) => {
    const body = await buffer(request);
    reply.writeHead(200, {
      'x-path': request.url,
      'x-long': 'v'.repeat(20_000),
      'x-trailer': request.trailers['x-t'] ?? '',
    });
    reply.addTrailers({ 'x-end': 'yes' });
    reply.end(Buffer.concat([body, Buffer.alloc(40_000)]));
  });
  server.on('sessionError', () => undefined); // the tests send what is wrong
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

t.test('frames are cut alike however their bytes come', async (t) => {
  const bytes = Buffer.concat([pingFrame(), dataFrame(3, 'hello', { padding: 4 }), priorityFrame(5, 3)]);
  const whole = new FrameReader().read(bytes);
  t.strictSame(
    whole.map(({ type, stream }) => [type, stream]),
    [
      [FrameType.ping, 0],
      [FrameType.data, 3],
      [FrameType.priority, 5],
    ],
  );
  const reader = new FrameReader();
  t.strictSame(
    [...bytes].flatMap((byte) => reader.read(Buffer.of(byte))),
    whole,
  );
});

t.test('a caller and a real server understand each other', async (t) => {
  const client = await frameClient(t, await nodeServer(t));
  t.equal((await client.serverSettings()).get(Setting.maxConcurrentStreams), 7);
  const trailers = [['x-t', 'late']] as const;
  const posted = client.request(requestFields('POST', '/a', 'app', [['x-large', 'l'.repeat(30_000)]]), {
    body: 'hello',
    trailers,
  });
  const reply = await client.reply(posted);
  t.match(reply, { status: 200, end: 'whole', error: null, trailers: [['x-end', 'yes']] });
  t.equal(reply.body.length, 40_005);
  t.equal(new Map(reply.fields).get('x-path'), '/a');
  t.equal(new Map(reply.fields).get('x-trailer'), 'late');
  t.equal(new Map(reply.fields).get('x-long')?.length, 20_000);
  const stream = client.nextStream();
  const block = headerBlock(requestFields('GET', '/b'));
  client.send(
    headersFrame(stream, block.subarray(0, 3), { endStream: true, endHeaders: false, padding: 7, dependsOn: 0 }),
    continuationFrame(stream, block.subarray(3, 9), false),
    continuationFrame(stream, block.subarray(9)),
    windowUpdateFrame(0, 1),
  );
  t.equal(new Map((await client.reply(stream)).fields).get('x-path'), '/b');
  client.send(pingFrame(Buffer.from('12345678')));
  const pong = await client.frame(FrameType.ping, (one) => has(one, Flag.ack));
  t.equal(pong.payload.toString(), '12345678');
  client.send(goawayFrame(0, 'NO_ERROR'));
  await client.closed();
});

t.test('a stream and a connection that end in an error say so', async (t) => {
  const port = await nodeServer(t);
  const client = await frameClient(t, port);
  const bad = client.request([[':method', 'GET']]);
  t.match(await client.reply(bad), { status: 0, end: 'reset', error: 'PROTOCOL_ERROR' });
  client.send(headersFrame(client.nextStream(), indexed(70)));
  t.match(await client.reply(3), { end: 'goaway', error: 'COMPRESSION_ERROR' });
  await t.rejects(
    client.frame(FrameType.pushPromise, () => true, 50),
    /did not come/,
  );
});

t.test('a real client and a scripted server understand each other', async (t) => {
  const origin = await frameOrigin(t, ({ stream, header, body }) =>
    header(':path') === '/lost'
      ? rstStreamFrame(stream, 'REFUSED_STREAM')
      : replyFrames(stream, { fields: [['x-a', 'b']], body: Buffer.concat([body, Buffer.alloc(30_000)]) }),
  );
  const session = connect(`http://127.0.0.1:${origin.port}`);
  t.teardown(() => session.close());
  const call = session.request({ ':method': 'POST', ':path': '/a' });
  call.end('hello');
  const [headers] = (await once(call, 'response')) as [IncomingHttpHeaders];
  t.match(headers, { ':status': 200, 'x-a': 'b' });
  t.equal((await buffer(call)).length, 30_005);
  t.match(origin.requests[0], { hasEnded: true, index: 0, stream: 1 });
  const lost = session.request({ ':path': '/lost' });
  await t.rejects(once(lost, 'response'), { code: 'ERR_HTTP2_STREAM_ERROR', message: /REFUSED_STREAM/ });
});

t.test(
  'a scripted server can answer before the end of a request, with trailers alone, or leave the protocol',
  async (t) => {
    const early = await frameOrigin(
      t,
      (request) => replyFrames(request.stream, { trailers: [['x-end', request.hasEnded ? 'late' : 'early']] }),
      { at: 'head', settings: [[Setting.maxConcurrentStreams, 1]] },
    );
    const client = await frameClient(t, early.port);
    t.equal((await client.serverSettings()).get(Setting.maxConcurrentStreams), 1);
    client.send(headersFrame(1, headerBlock(requestFields('POST'))));
    t.match(await client.reply(1), { status: 200, trailers: [['x-end', 'early']] });
    client.send(dataFrame(1, 'late', { endStream: true }), rstStreamFrame(3, 'CANCEL'));
    await client.until(() => early.requests[0]?.hasEnded, 'the end of the request');
    const rude = await frameOrigin(t, () => undefined, {
      onConnection: (connection) => connection.send(frame(99, 0xff, 0x7fffffff, Buffer.from('?')), dataFrame(0, '')),
    });
    const caller = await frameClient(t, rude.port);
    await caller.frame(99);
    await caller.frame(FrameType.data);
    await rude.stop();
    await caller.closed();
  },
);
