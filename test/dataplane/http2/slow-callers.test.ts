import t from 'tap';
import { errorNameOf, Flag, FrameType, preface, Setting } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { continuationFrame, headersFrame, settingsFrame, windowUpdateFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { rawClient } from '../harness/raw-client.ts';
import { serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Callers of HTTP/2 that take their time, or stay away. */

/** An application that answers each request when the test says so. */
async function heldApp(t: Owner, limits: object) {
  const held: OriginRequest[] = [];
  const origin = await scriptedOrigin(t, (request) => void held.push(request));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { limits } });
  const answer = (place: number, body = 'fine') => held[place]!.connection.socket.write(reply(body));
  return { held, proxy, answer };
}

const block = headerBlock(requestFields('GET'));

/** Sends the first half of a request's head; what is returned sends the other one. */
function beginHead(client: FrameClient): { stream: number; goOn: () => void } {
  const stream = client.nextStream();
  client.send(headersFrame(stream, block.subarray(0, 5), { endStream: true, endHeaders: false }));
  return { stream, goOn: () => client.send(continuationFrame(stream, block.subarray(5))) };
}

/** Fails when a frame of this type, or the end of the connection, comes within a time. */
async function nothing(client: FrameClient, type: number, timeMs: number): Promise<void> {
  await client
    .frame(type, () => true, timeMs)
    .then(
      () => Promise.reject(new Error(`a frame of type ${type} came`)),
      () => undefined,
    );
  if (client.isClosed || client.hasEnded) throw new Error('the connection was closed');
}

const closedAs = (proxy: Awaited<ReturnType<typeof staticProxy>>, reason: string) =>
  proxy.metric('meshlane_connections_closed_total', { side: 'downstream', reason });

t.test('a head may come in two parts while the requests before it end', async (t) => {
  const { held, proxy, answer } = await heldApp(t, {});
  const client = await frameClient(t, proxy.port, { grantsWindow: false }); // which it could not do within a block
  const first = client.request(requestFields('GET'));
  await until(() => held.length === 1);
  const { stream, goOn } = beginHead(client);
  answer(0);
  t.match(await client.reply(first), { status: 200 });
  await nothing(client, FrameType.goaway, 1300);
  goOn();
  await until(() => held.length === 2);
  answer(1);
  t.match(await client.reply(stream), { status: 200 });
});

t.test('a head that does not end has the time of a head, also beside other requests', async (t) => {
  const { held, proxy } = await heldApp(t, { headTimeout: '400ms' });
  for (const isBusy of [false, true]) {
    const client = await frameClient(t, proxy.port);
    await client.frame(FrameType.settings, ({ flags }) => flags === Flag.ack); // ours may not come within a block
    if (isBusy) client.request(requestFields('GET'));
    await until(() => held.length === (isBusy ? 1 : 0));
    const startMs = performance.now();
    beginHead(client);
    await client.closed(2000);
    t.ok(performance.now() - startMs >= 390);
  }
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a connection that says less than the preface, or nothing behind it, has the time of a head', async (t) => {
  const { proxy } = await heldApp(t, { headTimeout: '400ms' });
  const halfSettings = Buffer.concat([preface, settingsFrame().subarray(0, 5)]);
  await Promise.all(
    [preface.subarray(0, 1), preface.subarray(0, 12), preface, halfSettings].map(async (beginning) => {
      const client = await rawClient(t, proxy.port);
      const startMs = performance.now();
      client.send(beginning);
      await client.closed(2000);
      t.ok(performance.now() - startMs >= 380, `after ${beginning.length} bytes`);
    }),
  );
  await until(async () => (await proxy.metric('meshlane_connections', { listener: 'out' })) === 0);
});

t.test('a connection without a request is told that it ends after the time for one', async (t) => {
  const { held, proxy, answer } = await heldApp(t, { keepAliveTimeout: '400ms' });
  const unused = await frameClient(t, proxy.port);
  const used = await frameClient(t, proxy.port);
  const stream = used.request(requestFields('GET'));
  for (const client of [unused]) t.equal(errorNameOf(await client.frame(FrameType.goaway)), 'NO_ERROR');
  await until(() => held.length === 1);
  answer(0);
  t.match(await used.reply(stream), { status: 200 });
  const goaway = await used.frame(FrameType.goaway);
  t.equal(goaway.payload.readUInt32BE(0), stream);
  for (const client of [unused, used]) await client.closed();
  t.equal(await closedAs(proxy, 'idle'), 2);
});

t.test(
  'a reply that nobody takes is given up after the time of an idle connection, and the connection goes on',
  async (t) => {
    const { held, proxy, answer } = await heldApp(t, { keepAliveTimeout: '500ms' });
    const client = await frameClient(t, proxy.port, {
      grantsWindow: false,
      settings: [[Setting.initialWindowSize, 10]],
    });
    const slow = client.request(requestFields('GET'));
    await until(() => held.length === 1);
    answer(0, 'x'.repeat(100));
    t.match(await client.reply(slow), { status: 200, end: 'reset', error: 'CANCEL' });
    t.equal(await closedAs(proxy, 'stalled'), 1);
    const next = client.request(requestFields('GET'));
    await until(() => held.length === 2);
    answer(1, 'short');
    t.match(await client.reply(next), { status: 200, end: 'whole' });
  },
);

t.test('a reply that a caller takes bit by bit is not given up', async (t) => {
  const { held, proxy, answer } = await heldApp(t, { keepAliveTimeout: '400ms' });
  const client = await frameClient(t, proxy.port, { grantsWindow: false, settings: [[Setting.initialWindowSize, 10]] });
  const stream = client.request(requestFields('GET'));
  await until(() => held.length === 1);
  answer(0, 'x'.repeat(70));
  const taken = () =>
    client.frames.reduce((sum, one) => sum + (one.type === FrameType.data ? one.payload.length : 0), 0);
  for (let most = 10; most < 70; most += 10) {
    await client.until(() => taken() === most, `DATA up to ${most}`);
    await nothing(client, FrameType.rstStream, 150);
    t.equal(taken(), most);
    client.send(windowUpdateFrame(stream, 10));
  }
  t.match(await client.reply(stream), { status: 200, end: 'whole' });
});

t.test('where idle connections may stay for good, replies that wait may, too', async (t) => {
  const { held, proxy, answer } = await heldApp(t, { keepAliveTimeout: '0s', headTimeout: '300ms' });
  const client = await frameClient(t, proxy.port, { grantsWindow: false, settings: [[Setting.initialWindowSize, 10]] });
  const slow = client.request(requestFields('GET'));
  const { stream, goOn } = beginHead(client);
  goOn();
  await until(() => held.length === 2);
  answer(0, 'x'.repeat(50));
  answer(1, 'short');
  await client.reply(stream);
  await nothing(client, FrameType.rstStream, 600);
  client.send(windowUpdateFrame(slow, 40));
  t.match(await client.reply(slow), { status: 200, end: 'whole' });
});
