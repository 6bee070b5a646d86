import t from 'tap';
import { grpc } from '../../../../shared/grpc/grpc.ts';
import type { Owner } from '../../../harness/owner.ts';
import { until } from '../../../harness/until.ts';
import { EchoClient, type EchoServer, startEchoServer } from './echo-server.ts';

type Say = (
  bytes: Buffer,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  done: grpc.requestCallback<Buffer>,
) => grpc.ClientUnaryCall;
type Client = grpc.Client & {
  say: Say;
  fail: Say;
  chat(options?: grpc.CallOptions): grpc.ClientDuplexStream<Buffer, Buffer>;
};

function newClient(t: Owner, { address }: EchoServer, options: grpc.ClientOptions = {}): Client {
  const client = new EchoClient(`127.0.0.1:${address.port}`, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  }) as unknown as Client;
  t.teardown(() => client.close());
  return client;
}

const call = (client: Client, method: 'say' | 'fail', bytes: Buffer, options: grpc.CallOptions = {}) =>
  new Promise<Buffer>((resolve, reject) =>
    client[method](bytes, new grpc.Metadata(), options, (error, reply) => (error ? reject(error) : resolve(reply!))),
  );

/** Sends messages and gathers what comes back, until the stream has ended. */
function chat(client: Client, messages: readonly Buffer[]): Promise<{ replies: Buffer[]; code: number }> {
  const stream = client.chat();
  const replies: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => replies.push(bytes));
  stream.on('error', () => undefined); // 'status' tells
  for (const message of messages) stream.write(message);
  stream.end();
  return new Promise((resolve) => stream.on('status', ({ code }) => resolve({ replies, code })));
}

t.test('a call is answered, small, empty, and as large as may be', async (t) => {
  const client = newClient(t, await startEchoServer(t));
  for (const size of [0, 1, 16_379, 16_380, 65_535, 100_000]) {
    const bytes = Buffer.alloc(size, 'x');
    t.ok((await call(client, 'say', bytes)).equals(bytes), `${size} bytes`);
  }
});

t.test('a message that is too large is refused, and the connection goes on', async (t) => {
  const client = newClient(t, await startEchoServer(t));
  await t.rejects(call(client, 'say', Buffer.alloc(100_001)), { code: grpc.status.RESOURCE_EXHAUSTED });
  t.equal((await call(client, 'say', Buffer.from('a'))).toString(), 'a');
});

t.test('a failure comes with its status and its whole text', async (t) => {
  const client = newClient(t, await startEchoServer(t));
  await t.rejects(call(client, 'fail', Buffer.from('a')), {
    code: grpc.status.NOT_FOUND,
    details: 'keins da: 100 % ünmöglich\nund mehr',
  });
  await t.rejects(call(client, 'fail', Buffer.from('break')), {
    code: grpc.status.INTERNAL,
    details: 'Error: it broke',
  });
});

t.test('a stream carries messages of all sizes in order, through windows far smaller', async (t) => {
  const server = await startEchoServer(t);
  const client = newClient(t, server);
  const messages = Array.from({ length: 200 }, (_, i) => Buffer.alloc((i * 7919) % 100_000, i));
  const { replies, code } = await chat(client, messages);
  t.equal(code, grpc.status.OK);
  t.ok(replies.length === 200 && replies.every((reply, i) => reply.equals(messages[i]!)));
  t.same(server.ended, ['end']);
});

t.test('a caller that cancels or vanishes is noticed once', async (t) => {
  const server = await startEchoServer(t);
  const client = newClient(t, server);
  for (const leave of [(stream: grpc.Call) => stream.cancel(), () => client.close()]) {
    server.ended.length = 0;
    const stream = client.chat();
    stream.on('error', () => undefined);
    stream.write(Buffer.from('a'));
    await new Promise((resolve) => stream.once('data', resolve));
    leave(stream);
    stream.cancel();
    await until(() => server.ended.length > 0);
    t.equal(server.ended.length, 1);
  }
});

t.test('what is not served is told', async (t) => {
  const server = await startEchoServer(t);
  const client = newClient(t, server);
  const made = new Promise((resolve, reject) => {
    const same = (bytes: Buffer) => bytes;
    client.makeUnaryRequest('/test.Echo/Sing', same, same, Buffer.alloc(0), (error, reply) =>
      error ? reject(error) : resolve(reply),
    );
  });
  await t.rejects(made, { code: grpc.status.UNIMPLEMENTED, details: 'there is no method /test.Echo/Sing' });
  const zipping = newClient(t, server, { 'grpc.default_compression_algorithm': 2 });
  await t.rejects(call(zipping, 'say', Buffer.alloc(1000)), { code: grpc.status.UNIMPLEMENTED });
});

t.test('calls beyond the limit wait for their turn', async (t) => {
  const server = await startEchoServer(t, { mostCalls: 2 });
  const client = newClient(t, server);
  const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => call(client, 'say', Buffer.of(i))));
  t.same(
    replies.map(([byte]) => byte),
    Array.from({ length: 20 }, (_, i) => i),
  );
});

t.test('a server that closes lets calls end, and cuts off those that do not', async (t) => {
  const server = await startEchoServer(t);
  const client = newClient(t, server);
  const stream = client.chat();
  const status = new Promise<grpc.StatusObject>((resolve) => stream.on('status', resolve));
  stream.on('error', () => undefined);
  stream.write(Buffer.from('a'));
  await new Promise((resolve) => stream.once('data', resolve));
  const startedMs = performance.now();
  await server.close();
  t.ok(performance.now() - startedMs < 3_000);
  t.equal((await status).code, grpc.status.UNAVAILABLE);
});

t.test('a port that is taken is named, with the flag', async (t) => {
  const server = await startEchoServer(t);
  const { startGrpcServer } = await import('../../../../shared/grpc/server/grpc-server.ts');
  const options = { mostCalls: 1, mostMessageBytes: 1, mostConnections: 1, methods: {}, flag: '--push', now: () => 0 };
  await t.rejects(startGrpcServer(options, server.address), {
    message: new RegExp(`port ${server.address.port} .*--push`),
  });
});
