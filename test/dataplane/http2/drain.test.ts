import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import t from 'tap';
import { errorNameOf, FrameType, lastStreamOf } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import type { ReceivedFrame } from '../../harness/http2/frame-connection.ts';
import { dataFrame, headersFrame, pingFrame, settingsAck } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Owner } from '../../harness/owner.ts';
import { startProcess } from '../../harness/process.ts';
import { tempFolder } from '../../harness/temp-folder.ts';
import { until } from '../../harness/until.ts';
import { rawClient } from '../harness/raw-client.ts';
import { serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Connections of callers that end without a request being lost (RFC 9113 §6.8). */

const mostStream = 0x7fffffff;

async function heldApp(t: Owner, limits: object = {}) {
  const held: OriginRequest[] = [];
  const origin = await scriptedOrigin(t, (request) => void held.push(request));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { limits } });
  const answer = (place: number) => held[place]!.connection.socket.write(reply('fine'));
  return { held, proxy, answer };
}

/** A caller that answers a PING only when the test does. */
async function deafClient(t: Owner, port: number) {
  const client = await frameClient(t, port, { acknowledges: false });
  client.send(settingsAck);
  return client;
}

const goaways = (client: FrameClient) => client.frames.filter(({ type }) => type === FrameType.goaway);
const saidAt = (frame: ReceivedFrame) => [lastStreamOf(frame), errorNameOf(frame)];

/** The PING that asks whether the first GOAWAY was heard. */
const question = (client: FrameClient) => client.frame(FrameType.ping, ({ flags }) => flags === 0);

t.test('a caller is told twice: what it sends before it has heard is served, what it sends later is not', async (t) => {
  const { held, proxy, answer } = await heldApp(t);
  const client = await deafClient(t, proxy.port);
  const early = client.request(requestFields('GET'));
  await until(() => held.length === 1);
  const draining = proxy.drain();
  const { payload } = await question(client);
  t.strictSame(goaways(client).map(saidAt), [[mostStream, 'NO_ERROR']]);
  const unheard = client.request(requestFields('POST'), { body: 'hello', trailers: [['x', 'y']] });
  await until(() => held.length === 2);
  client.send(pingFrame(payload, true));
  await client.until(() => goaways(client).length === 2, 'the second GOAWAY');
  t.strictSame(saidAt(goaways(client)[1]!), [unheard, 'NO_ERROR']);
  const late = client.request(requestFields('POST'), { body: 'hello', trailers: [['x', 'y']] });
  client.send(pingFrame(Buffer.from('behind  ')));
  await client.frame(FrameType.ping, (frame) => frame.flags === 1);
  for (const place of [0, 1]) answer(place);
  for (const stream of [early, unheard]) t.match(await client.reply(stream), { status: 200, end: 'whole' });
  await client.closed(2000);
  t.match(await client.reply(late), { status: 0, end: 'goaway' });
  t.equal(held.length, 2);
  t.equal(goaways(client).length, 2);
  client.socket.destroy();
  await draining;
});

t.test('a body whose end is still to come when a connection drains is taken', async (t) => {
  const { held, proxy, answer } = await heldApp(t);
  const client = await frameClient(t, proxy.port);
  const stream = client.nextStream();
  client.send(headersFrame(stream, headerBlock(requestFields('POST'))), dataFrame(stream, 'first'));
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 1);
  const draining = proxy.drain();
  await client.until(() => goaways(client).length === 2, 'the second GOAWAY');
  client.send(dataFrame(stream, ' and last', { endStream: true }));
  await until(() => held[0]?.body === 'first and last');
  answer(0);
  t.match(await client.reply(stream), { status: 200, end: 'whole' });
  await client.closed(2000);
  client.socket.destroy();
  await draining;
});

t.test('a connection without requests ends at once, or after a second if its caller does not answer', async (t) => {
  for (const [makeClient, most] of [
    [frameClient, 700],
    [deafClient, 2500],
  ] as const) {
    const { proxy } = await heldApp(t);
    const client = await makeClient(t, proxy.port);
    await client.frame(FrameType.settings);
    const startMs = performance.now();
    const draining = proxy.drain();
    await client.closed(most);
    t.ok(performance.now() - startMs < most);
    t.strictSame(goaways(client).map(saidAt), [
      [mostStream, 'NO_ERROR'],
      [0, 'NO_ERROR'],
    ]);
    client.socket.destroy();
    await draining;
  }
});

t.test('a caller that never answers the PING has its requests served', async (t) => {
  const { held, proxy, answer } = await heldApp(t);
  const client = await deafClient(t, proxy.port);
  const stream = client.request(requestFields('GET'));
  await until(() => held.length === 1);
  const draining = proxy.drain();
  await question(client);
  const late = client.request(requestFields('GET'));
  await until(() => held.length === 2);
  for (const place of [0, 1]) answer(place);
  for (const one of [stream, late]) t.match(await client.reply(one), { status: 200, end: 'whole' });
  await client.closed(3000);
  client.socket.destroy();
  await draining;
});

t.test('a connection that has carried as many requests as it may ends in the same way', async (t) => {
  const { held, proxy, answer } = await heldApp(t, { requestsPerConnection: 2 });
  const client = await deafClient(t, proxy.port);
  const streams = [client.request(requestFields('GET')), client.request(requestFields('GET'))];
  const { payload } = await question(client);
  streams.push(client.request(requestFields('GET')));
  await until(() => held.length === 3);
  client.send(pingFrame(payload, true));
  await client.until(() => goaways(client).length === 2, 'the second GOAWAY');
  t.equal(saidAt(goaways(client)[1]!)[0], streams[2]);
  for (const place of streams.keys()) answer(place);
  for (const stream of streams) t.match(await client.reply(stream), { status: 200, end: 'whole' });
  await client.closed(2000);
  t.equal(await proxy.metric('meshlane_connections_closed_total', { side: 'downstream', reason: 'requests' }), 1);
});

const main = new URL('../../../cli/main.mjs', import.meta.url).pathname;

t.test('SIGTERM under load loses no request', async (t) => {
  const origin = await scriptedOrigin(t, async ({ body }) => {
    await wait(body.length % 7);
    return reply(body);
  });
  const file = join(tempFolder(t), 'edge.yaml');
  const documents = [
    { kind: 'Proxy', name: 'edge', spec: { workers: 2, listeners: [{ name: 'out', port: 0 }] } },
    { kind: 'Service', name: 'app' },
    { kind: 'Instance', name: 'app-0', spec: { service: 'app', address: '127.0.0.1', port: origin.port } },
  ];
  writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const args = [main, 'proxy', '--config', file];
  const child = await startProcess({ command: process.execPath, args, t, ready: /^ready: / });
  const port = Number(/out 127\.0\.0\.1:(\d+)/.exec(child.output())![1]);
  const clients = await Promise.all(Array.from({ length: 4 }, () => frameClient(t, port)));
  const ends = { whole: 0, reset: 0, goaway: 0, closed: 0 };
  /** Asks again and again, as long as it has not heard that the connection ends. */
  const askOn = async (client: FrameClient) => {
    while (goaways(client).length === 0) {
      const body = 'x'.repeat(1 + (ends.whole % 50));
      const answer = await client.reply(client.request(requestFields('POST'), { body }));
      ends[answer.end]++;
      t.equal(answer.body.toString(), body);
    }
  };
  const asking = clients.flatMap((client) => Array.from({ length: 10 }, () => askOn(client)));
  await until(() => ends.whole > 300);
  const ending = child.stop('SIGTERM');
  await Promise.all(asking);
  t.strictSame({ ...ends, whole: 0 }, { whole: 0, reset: 0, goaway: 0, closed: 0 });
  for (const client of clients) {
    await client.closed(3000);
    client.socket.destroy();
  }
  t.same(await ending, { code: 0, signal: null });
  await t.rejects(rawClient(t, port));
});
