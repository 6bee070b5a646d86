import { connect } from 'node:net';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { grpc } from '../../../../shared/grpc/grpc.ts';
import { startGrpcServer } from '../../../../shared/grpc/server/grpc-server.ts';
import { OutgoingMessage } from '../../../../shared/grpc/server/outgoing-message.ts';
import type { Method, ServerCall } from '../../../../shared/grpc/server/server-call.ts';
import { FrameType, preface } from '../../../harness/http2/frame.ts';
import { type FrameClient, frameClient } from '../../../harness/http2/frame-client.ts';
import {
  continuationFrame,
  dataFrame,
  headersFrame,
  pingFrame,
  priorityFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../../harness/http2/hpack/encode.ts';
import type { Field } from '../../../harness/http2/hpack/field.ts';
import type { Owner } from '../../../harness/owner.ts';
import { until } from '../../../harness/until.ts';
import { startEchoServer } from './echo-server.ts';

const fieldsOf = (name: string, more: readonly Field[] = []): Field[] => [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', `/test.Echo/${name}`],
  [':authority', 'echo'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ...more,
];

function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

const initialWindow = 4;
/** More than the kernel keeps between two sockets. */
const mostEchoedBytes = 30_000_000;

async function start(t: Owner, options: Parameters<typeof frameClient>[2] = {}) {
  const server = await startEchoServer(t);
  return { server, client: await frameClient(t, server.address.port, options) };
}

const field = (fields: readonly Field[], name: string) => fields.find(([one]) => one === name)?.[1];
const dataOf = (client: FrameClient, stream: number) =>
  Buffer.concat(
    client.frames.flatMap((one) => (one.type === FrameType.data && one.stream === stream ? [one.payload] : [])),
  );

t.test('a reply has its head, its message and its status in trailers', async (t) => {
  const { client } = await start(t);
  const reply = await client.reply(client.request(fieldsOf('Say'), { body: message('hello') }));
  t.match(reply, { end: 'whole' });
  const heads = client.frames.filter(({ type }) => type === FrameType.headers).map(({ fields }) => fields ?? []);
  t.equal(heads.length, 2);
  t.same([field(heads[0]!, ':status'), field(heads[0]!, 'content-type')], ['200', 'application/grpc']);
  t.same(heads[1], [['grpc-status', '0']]);
  t.same(dataOf(client, 1), message('hello'));
});

t.test('whatever comes in pieces of one byte is understood alike', async (t) => {
  const server = await startEchoServer(t);
  const client = await frameClient(t, server.address.port, { greets: false, acknowledges: false, grantsWindow: false });
  const block = headerBlock(fieldsOf('Say'));
  const bytes = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    settingsFrame(),
    priorityFrame(3, 0),
    headersFrame(1, block.subarray(0, 7), { endHeaders: false, padding: 3, dependsOn: 0 }),
    continuationFrame(1, block.subarray(7, 20), false),
    continuationFrame(1, block.subarray(20)),
    dataFrame(1, message('hello').subarray(0, 3), { padding: 9 }),
    dataFrame(1, message('hello').subarray(3), { endStream: true }),
  ]);
  for (const byte of bytes) {
    client.send(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.frame(FrameType.headers, ({ fields }) => field(fields ?? [], 'grpc-status') === '0');
  t.same(dataOf(client, 1), message('hello'));
});

t.test('nothing is sent beyond the windows, which may shrink below nothing', async (t) => {
  const { client } = await start(t, { settings: [[initialWindow, 10]], grantsWindow: false });
  const stream = client.request(fieldsOf('Say'), { body: message('x'.repeat(95)) });
  await until(() => dataOf(client, stream).length === 10);
  client.send(settingsFrame([[initialWindow, 4]]), windowUpdateFrame(stream, 16), pingFrame());
  await client.frame(FrameType.ping);
  t.equal(dataOf(client, stream).length, 20, 'the window was -6 before 16 came');
  client.send(windowUpdateFrame(stream, 100));
  await client.reply(stream);
  t.equal(dataOf(client, stream).length, 100);
});

t.test('a window that is too large, or an update of nothing, costs the stream or the connection', async (t) => {
  const { client } = await start(t);
  client.send(headersFrame(1, headerBlock(fieldsOf('Chat'))), windowUpdateFrame(1, 2 ** 31 - 1));
  await client.frame(FrameType.rstStream, ({ stream }) => stream === 1);
  client.send(windowUpdateFrame(0, 0));
  await client.frame(FrameType.goaway);
  await client.closed();
});

t.test('what is no call of gRPC gets a status of HTTP', async (t) => {
  const { client } = await start(t);
  const statusOf = async (fields: readonly Field[]) => {
    const stream = client.request(fields);
    const { fields: head } = await client.frame(FrameType.headers, (one) => one.stream === stream);
    return field(head ?? [], ':status');
  };
  const plain: Field[] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'a'],
    [':path', '/'],
  ];
  t.equal(await statusOf(plain), '415');
  t.equal(await statusOf([...plain, ['content-type', 'application/grpc+proto']]), '405');
  const large: Field[] = Array.from({ length: 5 }, (_, i) => [`x-${i}`, 'y'.repeat(4_000)]);
  t.equal(await statusOf(fieldsOf('Say', large)), '431');
});

t.test('calls beyond the limit are refused, one that was reset makes room', async (t) => {
  const { client, server } = await start(t);
  for (const stream of [1, 3, 5, 7]) client.send(headersFrame(stream, headerBlock(fieldsOf('Chat'))));
  await client.frame(FrameType.rstStream, ({ stream, payload }) => stream === 7 && payload.readUInt32BE(0) === 7);
  client.send(rstStreamFrame(3, 8));
  await until(() => server.ended.length === 1);
  client.send(headersFrame(9, headerBlock(fieldsOf('Chat'))), dataFrame(9, message('a')));
  await client.frame(FrameType.data, ({ stream }) => stream === 9);
});

t.test('a call that has not ended by its deadline is ended', async (t) => {
  const { client, server } = await start(t);
  const fields = fieldsOf('Chat', [['grpc-timeout', '300m']]);
  const startedMs = performance.now();
  client.send(headersFrame(1, headerBlock(fields)), dataFrame(1, message('a')));
  const { fields: trailers } = await client.frame(
    FrameType.headers,
    (one) => field(one.fields ?? [], 'grpc-status') !== undefined,
  );
  t.equal(field(trailers ?? [], 'grpc-status'), String(grpc.status.DEADLINE_EXCEEDED));
  t.ok(performance.now() - startedMs > 290);
  t.same(server.ended, ['cancel']);
});

t.test('messages that are cut short or cannot be are the caller’s fault', async (t) => {
  const { client } = await start(t);
  const ends = async (body: Buffer) => {
    const stream = client.request(fieldsOf('Say'), { body });
    const isEnd = (fields: readonly Field[] | null) => field(fields ?? [], 'grpc-status') !== undefined;
    const frame = await client.frame(FrameType.headers, (one) => one.stream === stream && isEnd(one.fields));
    return Number(field(frame.fields ?? [], 'grpc-status'));
  };
  t.equal(await ends(message('hello').subarray(0, 7)), grpc.status.INVALID_ARGUMENT);
  t.equal(await ends(Buffer.alloc(0)), grpc.status.INVALID_ARGUMENT);
  t.equal(await ends(Buffer.concat([message('a'), message('b')])), grpc.status.INVALID_ARGUMENT);
  t.equal(await ends(Buffer.of(1, 0, 0, 0, 0)), grpc.status.UNIMPLEMENTED);
});

t.test('a call that is not let in ends before its message is looked at', async (t) => {
  const { client } = await start(t);
  const stream = client.request(fieldsOf('Say', [['authorization', 'bad']]), { body: Buffer.of(1, 2, 3) });
  const reply = await client.reply(stream);
  t.same(
    [reply.end, field(reply.fields, 'grpc-status'), field(reply.fields, 'grpc-message')],
    ['whole', '16', 'go away'],
  );
});

t.test('floods of frames that bring nothing end the connection', async (t) => {
  const floods: Record<string, () => Buffer> = {
    pings: () => Buffer.concat(Array.from({ length: 3_000 }, () => pingFrame())),
    settings: () => Buffer.concat(Array.from({ length: 3_000 }, () => settingsFrame())),
    resets: () =>
      Buffer.concat(
        Array.from({ length: 300 }, (_, i) =>
          Buffer.concat([headersFrame(2 * i + 1, headerBlock(fieldsOf('Chat'))), rstStreamFrame(2 * i + 1, 8)]),
        ),
      ),
    'calls that are refused': () =>
      Buffer.concat(
        Array.from({ length: 2_100 }, (_, i) =>
          headersFrame(2 * i + 1, headerBlock(fieldsOf('No')), { endStream: true }),
        ),
      ),
    'window updates': () => Buffer.concat(Array.from({ length: 3_000 }, () => windowUpdateFrame(0, 1))),
    continuations: () =>
      Buffer.concat([
        headersFrame(1, headerBlock(fieldsOf('Chat')), { endHeaders: false }),
        ...Array.from({ length: 100 }, () => continuationFrame(1, Buffer.alloc(1), false)),
      ]),
  };
  for (const [name, flood] of Object.entries(floods)) {
    const { client } = await start(t);
    client.send(flood());
    await client.closed();
    const goaway = client.frames.find(({ type }) => type === FrameType.goaway);
    t.equal(goaway?.payload.readUInt32BE(4), 11, `${name}: ENHANCE_YOUR_CALM`);
  }
});

t.test('a peer that shows no sign of life is gone, one that answers a ping stays', async (t) => {
  const server = await startEchoServer(t, { sweepMs: 200 });
  const dead = await frameClient(t, server.address.port, { acknowledges: false });
  const alive = await frameClient(t, server.address.port);
  await dead.closed();
  const pings = () => alive.frames.filter(({ type }) => type === FrameType.ping).length;
  await until(() => pings() >= 2);
  t.notOk(alive.isClosed);
});

t.test('what is no HTTP/2 is closed', async (t) => {
  const server = await startEchoServer(t);
  for (const noise of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(24)]) {
    const client = await frameClient(t, server.address.port, { greets: false });
    client.send(noise);
    await client.closed();
  }
  const early = await frameClient(t, server.address.port, { greets: false });
  early.send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), pingFrame());
  await early.frame(FrameType.goaway);
  await early.closed();
});

t.test('who does not read is not read either: neither answers nor questions pile up', async (t) => {
  const server = await startEchoServer(t, { sweepMs: 300, mostMessageBytes: 1_000_000 });
  const socket = connect(server.address.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined).pause();
  let isGone = false;
  socket.once('close', () => {
    isGone = true;
  });
  const body = dataFrame(1, message('x'.repeat(16_000)));
  const windows = Buffer.concat([windowUpdateFrame(0, 2 ** 30), windowUpdateFrame(1, 2 ** 30)]);
  socket.write(Buffer.concat([preface, settingsFrame(), headersFrame(1, headerBlock(fieldsOf('Chat'))), windows]));
  const sent = () => socket.bytesWritten - socket.writableLength;
  while (!isGone && sent() < mostEchoedBytes && socket.writableLength < 1_000_000) {
    socket.write(body);
    await nextTurn();
  }
  t.ok(sent() < mostEchoedBytes, `the server has taken ${sent()} bytes`);
  socket.resume(); // to hear of the end
  await until(() => isGone);
});

t.test('a call whose end was taken does not cut what its connection still has to bring', async (t) => {
  const bulk = new OutgoingMessage([Buffer.alloc(20_000_000, 'x')]);
  const isCut = Promise.withResolvers<void>();
  const onCancel = () => isCut.resolve();
  const method = (begin: (call: ServerCall<Buffer>) => void): Method<Buffer> => ({
    decode: (bytes) => bytes,
    open: (call) => ({ onMessage: () => begin(call), onEnd: () => undefined, onCancel }),
  });
  const methods = {
    '/test.Echo/Ends': method((call) => call.endOrCut(grpc.status.UNAVAILABLE, 'come again')),
    '/test.Echo/Bulk': method((call) => call.send(bulk)),
  };
  const limits = { mostCalls: 2, mostMessageBytes: 100, mostConnections: 1 };
  const options = { ...limits, methods, flag: '--port', now: () => performance.now() };
  const server = await startGrpcServer(options, { host: '127.0.0.1', port: 0 });
  t.teardown(() => server.close());
  const socket = connect(server.address.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined).pause();
  const ask = (stream: number, name: string) =>
    Buffer.concat([headersFrame(stream, headerBlock(fieldsOf(name))), dataFrame(stream, message('go'))]);
  const windows = Buffer.concat([windowUpdateFrame(0, 2 ** 30), windowUpdateFrame(3, 2 ** 30)]);
  socket.write(Buffer.concat([preface, settingsFrame(), ask(1, 'Ends'), ask(3, 'Bulk'), windows]));
  t.equal(await Promise.race([isCut.promise.then(() => 'cut'), wait(1_500, 'open')]), 'open');
  let read = 0;
  socket.on('data', (bytes) => {
    read += bytes.length;
  });
  socket.resume();
  await until(() => read > bulk.size, { what: `${bulk.size} bytes` });
});
