import t from 'tap';
import { errorNameOf, FrameType, Setting, usualFrameSize, usualWindow } from '../../harness/http2/frame.ts';
import { type FrameClient, frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import {
  frameOrigin,
  type OriginConnection,
  type OriginStream,
  replyFrames,
} from '../../harness/http2/frame-origin.ts';
import {
  dataFrame,
  headersFrame,
  rstStreamFrame,
  settingsFrame,
  windowUpdateFrame,
} from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { policy } from '../harness/resources.ts';
import { staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** Windows (RFC 9113 §5.2): what each side may send, what the proxy lets it send, and what happens beyond. */

const streamWindow = 262_144;
const connectionWindow = 1_048_576;
const fullFrame = Buffer.alloc(usualFrameSize);

/**
 * An application that takes no more of each upload than the usual window. It has a word for each, as the proxy leaves a
 * connection on which three requests were given up after 100 ms without one.
 */
async function fullApp(t: Owner, spec: object = {}) {
  const onConnection = (connection: OriginConnection) => connection.send(windowUpdateFrame(0, 1 << 30));
  const word = () => windowUpdateFrame(0, 1);
  const origin = await frameOrigin(t, word, { at: 'head', grantsWindow: false, onConnection });
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port), spec });
  return { origin, proxy, client: await frameClient(t, proxy.port) };
}

function opened(client: FrameClient, fields: readonly Field[] = []): number {
  const stream = client.nextStream();
  client.send(headersFrame(stream, headerBlock(requestFields('POST', '/', 'app', fields))));
  return stream;
}

/** Sends so many bytes of DATA. */
function upload(client: FrameClient, stream: number, bytes: number): void {
  for (let left = bytes; left > 0; left -= usualFrameSize)
    client.send(dataFrame(stream, left < usualFrameSize ? fullFrame.subarray(0, left) : fullFrame));
}

const granted = (client: FrameClient, stream: number) =>
  client.frames
    .filter((frame) => frame.type === FrameType.windowUpdate && frame.stream === stream)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);

/** Bytes that were given back before they were asked for: all that was sent is known to have been looked at afterwards. */
async function grantedAfterAll(client: FrameClient, stream: number): Promise<number> {
  const { length } = client.frames;
  client.send(settingsFrame([]));
  await client.until(
    () => client.frames.slice(length).some(({ type, flags }) => type === FrameType.settings && flags === 1),
    'the acknowledgement of SETTINGS',
  );
  return granted(client, stream);
}

t.test('windows are announced as they are configured', async (t) => {
  for (const [http2, streams, streamBytes, connectionBytes] of [
    [{}, 256, streamWindow, connectionWindow],
    [{ streams: 1, streamWindowBytes: usualWindow, connectionWindowBytes: usualWindow }, 1, usualWindow, usualWindow],
    [
      { streams: 10_000, streamWindowBytes: 16_777_216, connectionWindowBytes: 67_108_864 },
      10_000,
      16_777_216,
      67_108_864,
    ],
  ] as const) {
    const { origin, client } = await fullApp(t, { limits: { http2 } });
    const settings = await client.serverSettings();
    t.match(
      [...settings],
      [
        [Setting.maxConcurrentStreams, streams],
        [Setting.initialWindowSize, streamBytes],
      ],
    );
    opened(client);
    await until(() => origin.requests.length === 1);
    t.equal(usualWindow + granted(client, 0), connectionBytes);
    const [frame] = origin.connections[0]!.frames;
    t.match(
      [...Array(3).keys()].map((i) => [frame!.payload.readUInt16BE(6 * i), frame!.payload.readUInt32BE(6 * i + 2)]),
      [
        [Setting.enablePush, 0],
        [Setting.initialWindowSize, streamBytes],
        [Setting.maxHeaderListSize, 65_536],
      ],
    );
  }
});

t.test('a caller may send all of a window while nobody takes it, and not a byte more', async (t) => {
  for (const [more, end] of [
    [0, []],
    [1, ['FLOW_CONTROL_ERROR']],
  ] as const) {
    const { origin, client } = await fullApp(t);
    const stream = opened(client);
    upload(client, stream, streamWindow);
    await until(() => origin.requests[0]?.body.length === usualWindow);
    const back = await grantedAfterAll(client, stream);
    t.equal(back, 0, 'half of it was not taken');
    if (more > 0) upload(client, stream, more);
    const other = opened(client);
    await until(() => origin.requests.length === 2);
    const resets = client.frames.filter((frame) => frame.type === FrameType.rstStream);
    t.strictSame(resets.map(errorNameOf), end, 'the stream alone');
    client.send(rstStreamFrame(other, 'CANCEL'));
  }
});

t.test('what streams make wait is bounded by the window of their caller’s connection', async (t) => {
  const { client, proxy } = await fullApp(t);
  for (let i = 0; i < 10; i++) upload(client, opened(client), streamWindow);
  await client.frame(FrameType.goaway, (frame) => errorNameOf(frame) === 'FLOW_CONTROL_ERROR');
  await client.closed();
  await until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0);
});

const endings: Readonly<
  Record<string, readonly [fields: readonly Field[], end: (client: FrameClient, stream: number) => void]>
> = {
  'is too large': [[], (client, stream) => upload(client, stream, 50_000)],
  'is longer than it said': [
    [['content-length', '140000']],
    (client, stream) => upload(client, stream, usualFrameSize),
  ],
  'is taken back': [[], (client, stream) => client.send(rstStreamFrame(stream, 'CANCEL'))],
  'is sent on after that': [
    [],
    (client, stream) => {
      client.send(rstStreamFrame(stream, 'CANCEL'));
      upload(client, stream, usualFrameSize);
    },
  ],
};

for (const [name, [fields, end]] of Object.entries(endings))
  t.test(`an upload that waits and ${name} costs its connection nothing of the window`, async (t) => {
    const { origin, client } = await fullApp(t, { limits: { bodyBytes: 150_000 } });
    let sent = 0;
    const send = client.send.bind(client);
    client.send = (...frames) => {
      for (const frame of frames) if (frame[3] === FrameType.data) sent += frame.length - 9;
      send(...frames);
    };
    for (let i = 0; i < 40; i++) {
      const stream = opened(client, fields);
      upload(client, stream, 8 * usualFrameSize);
      await until(() => origin.requests[i]?.body.length === Math.min(usualWindow, 8 * usualFrameSize));
      end(client, stream);
      const left = connectionWindow + (await grantedAfterAll(client, 0)) - (connectionWindow - usualWindow) - sent;
      if (left < connectionWindow / 2) return t.fail(`${left} bytes are left after ${i + 1} uploads`);
    }
    t.equal(origin.connections.length, 1);
  });

t.test('padding counts, and is given back', async (t) => {
  const origin = await frameOrigin(t, ({ stream, body }) => replyFrames(stream, { body: `${body.length}` }));
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
  const client = await frameClient(t, proxy.port);
  const stream = opened(client);
  for (let sent = 1; sent <= 3000; sent++) {
    client.send(dataFrame(stream, 'x', { padding: 255 }));
    if (sent % 500 === 0) await until(() => origin.requests[0]?.body.length === sent);
  }
  client.send(dataFrame(stream, '', { padding: 255, endStream: true }));
  const reply = await client.reply(stream);
  t.equal(reply.body.toString(), '3000');
});

t.test('frames stay within 16 KiB and the windows that an instance changes as it likes', async (t) => {
  const settings = [
    [Setting.initialWindowSize, 10],
    [Setting.maxFrameSize, 1_000_000],
  ] as const;
  const origin = await frameOrigin(t, ({ stream, body }) => replyFrames(stream, { body: `${body.length}` }), {
    settings,
    grantsWindow: false,
  });
  const proxy = await staticProxy(t, { resources: speaking('http2', origin.port) });
  const client = await frameClient(t, proxy.port);
  const first = client.request(requestFields('POST'), { body: Buffer.alloc(16_000) });
  const second = client.request(requestFields('POST'), { body: Buffer.alloc(16_000) });
  const sizes = () => origin.requests.map(({ body }) => body.length);
  await until(() => `${sizes()}` === '10,10');
  const connection = origin.connections[0]!;
  connection.send(settingsFrame([[Setting.initialWindowSize, 1000]]));
  await until(() => `${sizes()}` === '1000,1000');
  connection.send(settingsFrame([[Setting.initialWindowSize, 0]]), windowUpdateFrame(1, 1500));
  await until(() => `${sizes()}` === '1500,1000');
  connection.send(windowUpdateFrame(3, 999), windowUpdateFrame(3, 2));
  await until(() => `${sizes()}` === '1500,1001');
  connection.send(settingsFrame([[Setting.initialWindowSize, 0x7fffffff - 1000]]));
  for (const stream of [first, second]) t.equal((await client.reply(stream)).body.toString(), '16000');
  const large = client.request(requestFields('POST'), { body: Buffer.alloc(16_384) });
  await client.reply(large);
  t.ok(connection.frames.every(({ payload }) => payload.length <= usualFrameSize));
});

t.test('an instance that sends more than a window of a reply that nobody reads loses it', async (t) => {
  const held: OriginStream[] = [];
  const origin = await frameOrigin(t, (request) => void held.push(request), { grantsWindow: false });
  const resources = [...speaking('http2', origin.port), policy('app', { retry: { attempts: 0 } })];
  const proxy = await staticProxy(t, { resources });
  const client = await frameClient(t, proxy.port, { grantsWindow: false, settings: [[Setting.initialWindowSize, 0]] });
  const stream = client.request(requestFields('GET'));
  await until(() => held.length === 1);
  const [{ connection, stream: served }] = held as [OriginStream];
  connection.send(headersFrame(served, headerBlock([[':status', '200']])));
  // As much as makes the proxy take no more, and then the window that it has already given.
  for (let bytes = 0; bytes < streamWindow + 32_768 + usualFrameSize; bytes += usualFrameSize)
    connection.send(dataFrame(served, fullFrame));
  t.match(await client.reply(stream), { status: 200, end: 'reset' });
  await until(() => held[0]!.resetBy === 'FLOW_CONTROL_ERROR');
});
