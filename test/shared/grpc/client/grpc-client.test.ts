import { connect } from 'node:net';
import t from 'tap';
import { GrpcClient } from '../../../../shared/grpc/client/grpc-client.ts';
import { grpc } from '../../../../shared/grpc/grpc.ts';
import { type CallError, Status } from '../../../../shared/grpc/status.ts';
import { freePort } from '../../../harness/free-port.ts';
import { FrameType } from '../../../harness/http2/frame.ts';
import {
  type FrameOriginOptions,
  frameOrigin,
  type OriginScript,
  replyFrames,
} from '../../../harness/http2/frame-origin.ts';
import {
  dataFrame,
  frame,
  goawayFrame,
  headersFrame,
  pingFrame,
  pushPromiseFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../../harness/owner.ts';
import { until } from '../../../harness/until.ts';
import { EchoClient, echoMethods, startEchoServer } from '../server/echo-server.ts';

const initialWindow = 4;
const maxConcurrentStreams = 3;
const isGrpc = ['content-type', 'application/grpc'] as const;

function clientOf(t: Owner, port: number, fields: [string, string][] = [], sweepMs = 5_000): GrpcClient {
  const options = { host: '127.0.0.1', port, noDelay: true };
  const client = new GrpcClient({ authority: 'echo', connect: () => connect(options), fields: () => fields, sweepMs });
  t.teardown(() => client.close());
  return client;
}

/** A client of an origin that sends what the script says. */
async function scripted(t: Owner, script: OriginScript, options: FrameOriginOptions = {}, sweepMs?: number) {
  const origin = await frameOrigin(t, script, options);
  return { origin, client: clientOf(t, origin.port, [], sweepMs) };
}

const say = (client: GrpcClient, bytes: Buffer | string, method: keyof typeof echoMethods = 'say') =>
  new Promise<Buffer>((resolve, reject) =>
    client.ask(echoMethods[method], Buffer.from(bytes), (error, reply) => (error ? reject(error) : resolve(reply!))),
  );

/** What a stream has brought. */
function chat(client: GrpcClient) {
  const call = client.call(echoMethods.chat);
  const got = { call, replies: [] as Buffer[], error: null as CallError | null, hasEnded: false, drains: 0 };
  call.on('data', (bytes) => got.replies.push(bytes));
  call.on('drain', () => got.drains++);
  call.on('error', (error) => {
    got.error = error;
  });
  call.on('end', () => {
    got.hasEnded = true;
  });
  return got;
}

function message(text: string): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([prefix, Buffer.from(text)]);
}

async function startGrpcJs(t: Owner): Promise<number> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  t.teardown(() => server.forceShutdown());
  const echo = (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) =>
    done(null, call.request);
  const fail = (_: unknown, done: grpc.sendUnaryData<Buffer>) =>
    done({ code: grpc.status.NOT_FOUND, details: 'keins da: 100 % ünmöglich' });
  const chatting = (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
    call
      .on('data', (bytes: Buffer) => call.write(bytes))
      .on('end', () => call.end())
      .on('error', () => undefined);
  };
  server.addService(EchoClient.service, { say: echo, fail, chat: chatting });
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

const servers: Record<string, (t: Owner) => Promise<number>> = {
  'the server of this project': async (t) => (await startEchoServer(t, { mostMessageBytes: 4e6 })).address.port,
  'grpc-js': startGrpcJs,
};

for (const [name, start] of Object.entries(servers)) {
  t.test(`${name}: messages of any size come back, once or in a stream`, async (t) => {
    const client = clientOf(t, await start(t));
    for (const size of [0, 1, 16_379, 16_380, 65_535, 3_000_000]) {
      const bytes = Buffer.alloc(size, 'x');
      t.ok((await say(client, bytes)).equals(bytes), `${size} bytes`);
    }
    const { call, replies } = chat(client);
    const sent = [10, 400_000, 0, 900_000, 5].map((size) => Buffer.alloc(size, 'y'));
    for (const bytes of sent) call.write(bytes);
    await until(() => replies.length === sent.length);
    t.ok(replies.every((bytes, i) => bytes.equals(sent[i]!)));
  });

  t.test(`${name}: a failure comes with its status and its whole text`, async (t) => {
    const client = clientOf(t, await start(t));
    await t.rejects(say(client, 'a', 'fail'), { code: Status.notFound, message: /^keins da: 100 % ünmöglich/ });
    await t.rejects(
      new Promise((_, reject) => client.ask({ ...echoMethods.say, path: '/test.Echo/No' }, Buffer.of(), reject)),
      { code: Status.unimplemented },
    );
  });

  t.test(`${name}: a call that is given up fails, and the connection goes on`, async (t) => {
    const client = clientOf(t, await start(t));
    const { call, error, ...got } = chat(client);
    call.write(Buffer.from('a'));
    await until(() => got.replies.length === 1);
    const failed = new Promise<CallError>((resolve) => call.once('error', resolve));
    call.cancel();
    call.cancel();
    t.equal((await failed).code, Status.cancelled);
    t.same(await say(client, 'b'), Buffer.from('b'));
  });
}

t.test('each call shows the fields of that moment', async (t) => {
  const fields: [string, string][] = [['authorization', 'bad']];
  const client = clientOf(t, (await startEchoServer(t)).address.port, fields);
  await t.rejects(say(client, 'a'), { code: Status.unauthenticated, message: 'go away' });
  fields[0]![1] = 'good';
  t.same(await say(client, 'a'), Buffer.from('a'));
});

t.test('calls wait for no connection, fail with it, and the next one makes another', async (t) => {
  const port = await freePort();
  const client = clientOf(t, port);
  await t.rejects(say(client, 'a'), { code: Status.unavailable, message: /ECONNREFUSED/ });
  const origin = await frameOrigin(t, ({ connection, index, stream }) =>
    index === 0
      ? void connection.reset()
      : replyFrames(stream, { fields: [isGrpc], body: message('b'), trailers: [['grpc-status', '0']] }),
  );
  const other = clientOf(t, origin.port);
  await t.rejects(say(other, 'a'), { code: Status.unavailable });
  t.same(await say(other, 'a'), Buffer.from('b'));
  t.equal(origin.connections.length, 2);
});

t.test('a peer that leaves keeps the calls it has, and gets no more', async (t) => {
  const { origin, client } = await scripted(
    t,
    ({ connection, stream }) =>
      connection.index === 0
        ? undefined
        : replyFrames(stream, { fields: [isGrpc], body: message('new'), trailers: [['grpc-status', '0']] }),
    { at: 'head' },
  );
  const first = chat(client);
  const second = chat(client);
  await until(() => origin.requests.length === 2);
  const [connection] = origin.connections;
  connection!.send(goawayFrame(1, 'NO_ERROR'));
  await until(() => second.error !== null);
  t.equal(second.error?.code, Status.unavailable, 'it was not taken');
  t.same(await say(client, 'a'), Buffer.from('new'), 'on a connection of its own');
  connection!.send(replyFrames(1, { fields: [isGrpc], body: message('old'), trailers: [['grpc-status', '0']] }));
  await until(() => first.hasEnded);
  t.same(first.replies, [Buffer.from('old')]);
  await connection!.closed();
});

t.test('a peer that is silent is asked for a sign of life, and left when it gives none', async (t) => {
  const quiet = await scripted(t, () => undefined, { at: 'head', acknowledges: false }, 50);
  const call = chat(quiet.client);
  await until(() => call.error !== null);
  t.match(call.error, { code: Status.unavailable, message: /silent/ });
  t.ok(quiet.origin.connections[0]!.frames.some(({ type }) => type === FrameType.ping));

  const alive = await scripted(t, () => undefined, { at: 'head' }, 50);
  const other = chat(alive.client);
  const pings = () => alive.origin.connections[0]?.frames.filter(({ type }) => type === FrameType.ping).length ?? 0;
  await until(() => pings() > 3);
  t.equal(other.error, null);
});

t.test('no more is sent than the windows take, and the rest when they open', async (t) => {
  const { origin, client } = await scripted(t, () => undefined, {
    at: 'head',
    grantsWindow: false,
    settings: [[initialWindow, 10]],
  });
  await t.resolves(until(() => chat(client) && origin.requests.length > 0)); // its settings are here now
  const got = chat(client);
  await until(() => origin.requests.length >= 2);
  const stream = origin.requests.at(-1)!;
  got.call.write(Buffer.from('0123456789'));
  t.equal(got.call.writableNeedDrain, true);
  await until(() => stream.body.length === 10);
  stream.connection.send(windowUpdateFrame(stream.stream, 2), windowUpdateFrame(0, 100));
  await until(() => stream.body.length === 12);
  t.equal(got.drains, 0);
  stream.connection.send(settingsFrame([[initialWindow, 13]]));
  await until(() => got.drains === 1);
  t.equal(got.call.writableNeedDrain, false);
  await until(() => stream.body.length === 15);
});

t.test('a peer that takes no more calls at once is asked for no more', async (t) => {
  const { origin, client } = await scripted(t, () => undefined, { at: 'head', settings: [[maxConcurrentStreams, 1]] });
  const first = chat(client);
  await until(() =>
    origin.connections[0]?.frames.some(({ type, flags }) => type === FrameType.settings && flags === 1),
  );
  await t.rejects(say(client, 'a'), { code: Status.unavailable });
  const refused = client.call(echoMethods.say).on('error', () => undefined);
  refused.cancel();
  first.call.write(Buffer.from('b'));
  const isData = ({ type }: { type: number }) => type === FrameType.data;
  await until(() => origin.connections[0]!.frames.some(isData));
  const { frames } = origin.connections[0]!;
  t.same(
    frames.filter(isData).map(({ stream }) => stream),
    [1],
    'nothing is sent for a call that was not begun',
  );
  t.notOk(frames.some(({ type }) => type === FrameType.rstStream));
  t.equal(first.error, null);
  t.equal(origin.requests.length, 1);
});

const endings: Record<
  string,
  { readonly sends: (stream: number) => Buffer; readonly code: number; readonly is?: RegExp }
> = {
  'a status in place of a reply': {
    sends: (stream) => replyFrames(stream, { fields: [isGrpc, ['grpc-status', '7'], ['grpc-message', 'n%6F 100%']] }),
    code: Status.permissionDenied,
    is: /^no 100%$/,
  },
  'a status of HTTP': {
    sends: (stream) => replyFrames(stream, { status: 503, body: 'sorry' }),
    code: Status.unavailable,
  },
  'a page': {
    sends: (stream) => replyFrames(stream, { fields: [['content-type', 'text/html']], body: '<p>' }),
    code: Status.unknown,
  },
  'no status at the end': {
    sends: (stream) => replyFrames(stream, { fields: [isGrpc], body: message('a') }),
    code: Status.unknown,
  },
  'a status that is no number': {
    sends: (stream) => replyFrames(stream, { fields: [isGrpc, ['grpc-status', 'x']] }),
    code: Status.unknown,
  },
  'no message': {
    sends: (stream) => replyFrames(stream, { fields: [isGrpc], trailers: [['grpc-status', '0']] }),
    code: Status.internal,
  },
  'a compressed message': {
    sends: (stream) =>
      replyFrames(stream, {
        fields: [isGrpc],
        body: Buffer.from('\x01\0\0\0\x01a', 'latin1'),
        trailers: [['grpc-status', '0']],
      }),
    code: Status.internal,
    is: /compressed/,
  },
  'a message without end': {
    sends: (stream) =>
      replyFrames(stream, { fields: [isGrpc], body: Buffer.from('\0\xff\xff\xff\xff', 'latin1'), trailers: [] }),
    code: Status.internal,
    is: /too large/,
  },
  'a reset that refuses': { sends: (stream) => rstStreamFrame(stream, 'REFUSED_STREAM'), code: Status.unavailable },
  'a reset for too many': {
    sends: (stream) => rstStreamFrame(stream, 'ENHANCE_YOUR_CALM'),
    code: Status.resourceExhausted,
  },
  'a reset for a fault': { sends: (stream) => rstStreamFrame(stream, 'PROTOCOL_ERROR'), code: Status.internal },
};

t.test('an interim reply is passed over', async (t) => {
  const { client } = await scripted(t, ({ stream }) =>
    Buffer.concat([
      headersFrame(stream, headerBlock([[':status', '103']])),
      pingFrame(),
      replyFrames(stream, { fields: [isGrpc], body: message('a'), trailers: [['grpc-status', '0']] }),
    ]),
  );
  t.same(await say(client, 'a'), Buffer.from('a'));
});

for (const [name, { sends, code, is = /^/ }] of Object.entries(endings))
  t.test(`${name} is an error of its own kind, and the connection goes on`, async (t) => {
    const { origin, client } = await scripted(t, ({ stream, index }) =>
      index === 0
        ? sends(stream)
        : replyFrames(stream, { fields: [isGrpc], body: message('a'), trailers: [['grpc-status', '0']] }),
    );
    await t.rejects(say(client, 'a'), { code, message: is });
    t.same(await say(client, 'a'), Buffer.from('a'));
    t.equal(origin.connections.length, 1);
  });

const breaches: Record<string, (stream: number) => Buffer> = {
  'a frame that is too large': () => frame(FrameType.ping, 0, 0, Buffer.alloc(16_385)),
  'a ping of a wrong size': () => frame(FrameType.ping, 0, 0, Buffer.alloc(7)),
  'settings of a wrong size': () => frame(FrameType.settings, 0, 0, Buffer.alloc(5)),
  'a window that grows by nothing': () => windowUpdateFrame(0, 0),
  'a window that grows too far': (stream) => windowUpdateFrame(stream, 2 ** 31 - 1),
  'a stream that it opened itself': (stream) => pushPromiseFrame(stream, 2, headerBlock([[':path', '/']])),
  'a block that is no HPACK': (stream) => headersFrame(stream, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
  'a frame within a block': (stream) =>
    Buffer.concat([
      headersFrame(stream, headerBlock([[':status', '200']]), { endHeaders: false }),
      dataFrame(stream, 'a'),
    ]),
  'a block without end': (stream) =>
    Buffer.concat([
      headersFrame(stream, Buffer.alloc(16_000), { endHeaders: false }),
      frame(FrameType.continuation, 0, stream, Buffer.alloc(16_384)),
      frame(FrameType.continuation, 0, stream, Buffer.alloc(16_384)),
    ]),
};

for (const [name, sends] of Object.entries(breaches))
  t.test(`${name} ends the connection, and the next call makes another`, async (t) => {
    const { origin, client } = await scripted(t, ({ stream, index }) =>
      index === 0
        ? sends(stream)
        : replyFrames(stream, { fields: [isGrpc], body: message('a'), trailers: [['grpc-status', '0']] }),
    );
    await t.rejects(say(client, 'a'), { code: Status.unavailable, message: /broke HTTP\/2/ });
    t.same(await say(client, 'a'), Buffer.from('a'));
    await origin.connections[0]!.closed();
    t.ok(origin.connections[0]!.frames.some(({ type }) => type === FrameType.goaway));
  });
