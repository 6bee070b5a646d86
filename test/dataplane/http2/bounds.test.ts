import t from 'tap';
import { errorNameOf, FrameType } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { dataFrame, headersFrame, headersFrames, rstStreamFrame } from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { serviceAt } from '../harness/resources.ts';
import { type OriginRequest, reply, scriptedOrigin } from '../harness/scripted-origin.ts';
import { staticProxy } from '../harness/static-proxy.ts';

/** Bounds of a proxy, met over HTTP/2. */

async function heldApp(t: Owner, limits: object = {}) {
  const held: OriginRequest[] = [];
  const origin = await scriptedOrigin(t, (request) => void held.push(request));
  const proxy = await staticProxy(t, { resources: serviceAt('app', origin.port), spec: { limits } });
  const answer = (place: number) => held[place]!.connection.socket.write(reply('fine'));
  return { held, proxy, answer, client: await frameClient(t, proxy.port) };
}

const openStreams = (client: FrameClient, count: number) =>
  Array.from({ length: count }, () => client.request(requestFields('GET')));

for (const [streams, limits] of [
  [256, {}],
  [2, { http2: { streams: 2 } }],
] as const)
  t.test(`${streams} requests are carried at once, one more is refused, and costs the others nothing`, async (t) => {
    const { held, answer, client } = await heldApp(t, limits);
    const open = openStreams(client, streams);
    await until(() => held.length === streams);
    const refused = client.nextStream();
    const body = dataFrame(refused, 'x'.repeat(1000));
    const trailers = headersFrame(refused, headerBlock([['x', 'y']]), { endStream: true });
    client.send(headersFrame(refused, headerBlock(requestFields('POST'))), body, trailers);
    t.match(await client.reply(refused), { end: 'reset', error: 'REFUSED_STREAM' });
    answer(0);
    t.match(await client.reply(open[0]!), { status: 200 });
    const next = openStreams(client, 1);
    await until(() => held.length === streams + 1);
    for (let place = 1; place <= streams; place++) answer(place);
    for (const stream of [...open, ...next]) t.match(await client.reply(stream), { status: 200 });
    t.notOk(client.frames.some(({ type }) => type === FrameType.goaway));
  });

t.test('a stream that is taken back leaves its place at once', async (t) => {
  const { held, client } = await heldApp(t, { http2: { streams: 1 } });
  for (let i = 0; i < 5; i++) {
    const [stream] = openStreams(client, 1);
    await until(() => held.length === i + 1);
    client.send(rstStreamFrame(stream!, 'CANCEL'));
  }
  t.notOk(client.frames.some(({ type }) => type === FrameType.rstStream));
});

t.test('a request beyond a bound is answered as over HTTP/1.1, and the connection goes on', async (t) => {
  const limits = { headBytes: 2000, headerCount: 20, targetBytes: 300, bodyBytes: 1000 };
  const { held, proxy, answer, client } = await heldApp(t, limits);
  const many: Field[] = Array.from({ length: 17 }, (_, i) => [`x-${i}`, '']);
  const cases: readonly [status: number, reason: string, path: string, fields: readonly Field[], body?: string][] = [
    [431, 'head_too_large', '/', [['x', 'v'.repeat(2000)]]],
    [431, 'head_too_large', '/', many],
    [414, 'target_too_long', `/${'p'.repeat(300)}`, []],
    [413, 'body_too_large', '/', [['content-length', '1001']], 'x'.repeat(1001)],
    [413, 'body_too_large', '/', [], 'x'.repeat(1001)],
  ];
  for (const [status, reason, path, fields, body] of cases) {
    const stream = client.request(requestFields('POST', path, 'app', fields), body === undefined ? {} : { body });
    const got = await client.reply(stream);
    t.match(got, { status, end: 'whole' }, reason);
    t.equal(new Map(got.fields).get('x-meshlane-reason'), reason);
  }
  const { length } = held;
  const fields = [...many.slice(0, 15), ['content-length', '1000'] as const];
  const stream = client.request(requestFields('POST', `/${'p'.repeat(299)}`, 'app', fields), {
    body: 'x'.repeat(1000),
  });
  await until(() => held.length === length + 1);
  answer(length);
  t.match(await client.reply(stream), { status: 200 }, 'what is at every bound');
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

t.test('a header block that is larger than any head may be ends its connection', async (t) => {
  const { client } = await heldApp(t);
  const block = headerBlock(requestFields('GET', '/', 'app', [['x', 'v'.repeat(70_000)]]));
  const stream = client.nextStream();
  client.send(headersFrames(stream, block, { endStream: true }));
  t.equal(errorNameOf(await client.frame(FrameType.goaway)), 'ENHANCE_YOUR_CALM');
  await client.closed();
});
