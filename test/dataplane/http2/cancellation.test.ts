import t from 'tap';
import { errorNameOf, FrameType, lastStreamOf } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { frameOrigin, replyFrames } from '../../harness/http2/frame-origin.ts';
import { dataFrame, headersFrame, rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { get, rawClient } from '../harness/raw-client.ts';
import { policy, serviceAt } from '../harness/resources.ts';
import { reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** Requests and replies that one side gives up, which the other has to hear of soon. */

const soon = { timeoutMs: 1000 };

const quiet = (proxy: StaticProxy) =>
  until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0, { ...soon, what: 'quiet' });

/** Opens a stream whose request goes on. */
function opened(client: FrameClient, path = '/', body = ''): number {
  const stream = client.nextStream();
  client.send(headersFrame(stream, headerBlock(requestFields('POST', path))));
  if (body !== '') client.send(dataFrame(stream, body));
  return stream;
}

const begun = (stream: number) =>
  Buffer.concat([headersFrame(stream, headerBlock([[':status', '200']])), dataFrame(stream, 'begun')]);

async function http2App(t: Owner, answers: boolean) {
  const origin = await frameOrigin(t, ({ stream }) => (answers ? begun(stream) : undefined), { at: 'head' });
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
  return { origin, proxy };
}

/** How a caller of HTTP/2 leaves. */
const ways: Readonly<Record<string, (client: FrameClient, stream: number) => void>> = {
  'resets its stream': (client, stream) => client.send(rstStreamFrame(stream, 'CANCEL')),
  'closes its connection': (client) => client.socket.destroy(),
  'resets its connection': (client) => client.reset(),
  'sends no more': (client) => client.socket.end(),
};

for (const [way, leave] of Object.entries(ways))
  for (const answers of [false, true])
    t.test(`a caller that ${way} ${answers ? 'within a reply' : 'before it'} frees the instance at once`, async (t) => {
      const { origin, proxy } = await http2App(t, answers);
      const client = await frameClient(t, proxy.port);
      const stream = opened(client, '/', 'half');
      if (answers) await client.frame(FrameType.data);
      await until(() => origin.requests[0]?.body.length === 4);
      leave(client, stream);
      await until(() => origin.requests[0]!.resetBy === 'CANCEL', soon);
      await quiet(proxy);
      t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 1);
      t.notOk(origin.connections[0]!.hasEnded, 'only the stream is given up');
      const other = await frameClient(t, proxy.port);
      const next = opened(other);
      await until(() => origin.requests.length === 2);
      t.equal(origin.connections.length, 1);
      leave(other, next);
      await quiet(proxy);
    });

t.test('a caller of HTTP/1.1 that leaves resets its stream, and no other of the same connection', async (t) => {
  const { origin, proxy } = await http2App(t, false);
  const [leaving, staying] = [await rawClient(t, proxy.port), await rawClient(t, proxy.port)];
  for (const [i, client] of [leaving, staying].entries()) {
    client.send(get(`/${i}`));
    await until(() => origin.requests.length === i + 1);
  }
  leaving.reset();
  await until(() => origin.requests[0]!.resetBy === 'CANCEL', soon);
  const { stream, connection } = origin.requests[1]!;
  connection.send(replyFrames(stream, { body: 'late' }));
  t.equal((await staying.reply()).body.toString(), 'late');
  await quiet(proxy);
});

t.test('a caller of HTTP/2 that resets its stream closes the connection to an instance of HTTP/1.1', async (t) => {
  const origin = await scriptedOrigin(t, () => undefined, { at: 'head' });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await frameClient(t, proxy.port);
  const [waiting, uploading] = [client.request(requestFields('GET')), opened(client, '/', 'half')];
  await until(() => origin.connections.at(-1)?.received.includes('half'));
  client.send(rstStreamFrame(waiting, 'CANCEL'), rstStreamFrame(uploading, 'CANCEL'));
  await until(() => origin.connections.every(({ isClosed }) => isClosed), soon);
  await quiet(proxy);
  t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 2);
});

t.test('who waits for a connection that is being made can leave, too', async (t) => {
  const origin = await frameOrigin(t, ({ stream }) => replyFrames(stream), { greets: false });
  const patient = policy('app', { connections: { connectTimeout: '30s' } });
  const proxy = await staticProxy(t, { resources: [...speaking('http2', origin.port), patient] });
  const client = await frameClient(t, proxy.port);
  const streams = [
    client.request(requestFields('GET')),
    opened(client, '/', 'half'),
    client.request(requestFields('GET')),
  ];
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 3);
  for (const stream of streams) client.send(rstStreamFrame(stream, 'CANCEL'));
  await quiet(proxy);
  t.equal(origin.requests.length, 0);
});

t.test(
  'an instance of HTTP/2 that answers early stops the upload, and the caller is told that nobody wants it',
  async (t) => {
    const origin = await frameOrigin(t, ({ stream }) => replyFrames(stream, { status: 413, body: 'no' }), {
      at: 'head',
    });
    const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
    const client = await frameClient(t, proxy.port);
    const stream = opened(client, '/', 'half');
    const answer = await client.reply(stream);
    t.match(answer, { status: 413, end: 'whole' });
    t.equal(answer.body.toString(), 'no');
    const reset = await client.frame(FrameType.rstStream, (frame) => frame.stream === stream);
    t.equal(errorNameOf(reset), 'NO_ERROR');
    await until(() => origin.requests[0]!.resetBy === 'CANCEL', soon);
    client.send(dataFrame(stream, 'more'), dataFrame(stream, 'last', { endStream: true }));
    t.match(await client.reply(client.request(requestFields('GET', '/next'))), { status: 413 });
    const old = await rawClient(t, proxy.port);
    old.send('POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\nhalf');
    const early = await old.reply();
    t.strictSame([early.status, early.header('connection')], [413, 'close']);
    await old.closed();
    await quiet(proxy);
  },
);

t.test('an instance of HTTP/1.1 that answers early stops the upload of a caller of HTTP/2', async (t) => {
  const origin = await scriptedOrigin(t, () => reply('no', 'Connection: close\r\n', 413), { at: 'head' });
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port) });
  const client = await frameClient(t, proxy.port);
  const stream = opened(client, '/', 'half');
  t.match(await client.reply(stream), { status: 413, end: 'whole' });
  const reset = await client.frame(FrameType.rstStream, (frame) => frame.stream === stream);
  t.equal(errorNameOf(reset), 'NO_ERROR');
  await quiet(proxy);
  t.match(await client.reply(client.request(requestFields('GET'))), { status: 413 }, 'the connection goes on');
});

t.test('an upload whose reply has begun goes on until both are whole', async (t) => {
  const { origin, proxy } = await http2App(t, true);
  const client = await frameClient(t, proxy.port);
  const stream = opened(client);
  await client.frame(FrameType.data);
  client.send(dataFrame(stream, 'all of it', { endStream: true }));
  await until(() => origin.requests[0]!.hasEnded);
  t.equal(origin.requests[0]!.body.toString(), 'all of it');
  origin.connections[0]!.send(dataFrame(origin.requests[0]!.stream, '', { endStream: true }));
  t.match(await client.reply(stream), { status: 200, end: 'whole' });
  await quiet(proxy);
});

t.test('a caller that closes while frames come to it takes nothing of others with it', async (t) => {
  const { origin, proxy } = await http2App(t, true);
  const [leaving, staying] = [await frameClient(t, proxy.port), await frameClient(t, proxy.port)];
  for (let i = 0; i < 20; i++) opened(leaving);
  const stream = opened(staying);
  await until(() => origin.requests.length === 21);
  leaving.reset();
  await until(() => origin.requests.filter(({ resetBy }) => resetBy === 'CANCEL').length === 20, soon);
  const stays = origin.requests.find(({ resetBy }) => resetBy === null)!;
  stays.connection.send(dataFrame(stays.stream, ' and over', { endStream: true }));
  t.equal((await staying.reply(stream)).body.toString(), 'begun and over');
  t.notOk(staying.frames.some((frame) => frame.type === FrameType.goaway && lastStreamOf(frame) > 0));
  await quiet(proxy);
});
