import t from 'tap';
import { FrameType } from '../../harness/http2/frame.ts';
import { frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { frameOrigin, type OriginStream } from '../../harness/http2/frame-origin.ts';
import {
  dataFrame,
  frame,
  goawayFrame,
  headersFrame,
  headersFrames,
  pushPromiseFrame,
  rstStreamFrame,
} from '../../harness/http2/frame-writer.ts';
import { headerBlock } from '../../harness/http2/hpack/encode.ts';
import type { Field } from '../../harness/http2/hpack/field.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { get, rawClient } from '../harness/raw-client.ts';
import { policy, serviceAt } from '../harness/resources.ts';
import { scriptedOrigin } from '../harness/scripted-origin.ts';
import { type StaticProxy, staticProxy } from '../harness/static-proxy.ts';
import { speaking } from './calling.ts';

/** A reply that an instance does not complete, or that is none, must not look like a whole one to anybody. */

const noRetry = policy('app', { retry: { attempts: 0 } });

const head = (stream: number, fields: readonly Field[] = [], endStream = false) =>
  headersFrames(stream, headerBlock([[':status', '200'], ...fields]), { endStream });

/** How an instance of HTTP/2 fails when some of its reply's body has come. */
const cuts: Readonly<Record<string, (request: OriginStream) => Buffer | undefined>> = {
  RST_STREAM: ({ stream }) => rstStreamFrame(stream, 'INTERNAL_ERROR'),
  'RST_STREAM without an error': ({ stream }) => rstStreamFrame(stream, 'NO_ERROR'),
  'RST_STREAM that refuses the stream': ({ stream }) => rstStreamFrame(stream, 'REFUSED_STREAM'),
  'a GOAWAY that does not include it': () => goawayFrame(0, 'NO_ERROR'),
  'the end of the connection': ({ connection }) => void connection.socket.end(),
  'a broken connection': ({ connection }) => connection.reset() as undefined,
  'a GOAWAY and the end': ({ connection }) => {
    connection.send(goawayFrame(0x7fffffff, 'NO_ERROR'));
    connection.socket.end();
    return undefined;
  },
  'more than its length': ({ stream }) => dataFrame(stream, 'x'.repeat(20), { endStream: true }),
  'less than its length': ({ stream }) => dataFrame(stream, 'x', { endStream: true }),
  'less than its length, and trailers': ({ stream }) =>
    headersFrame(stream, headerBlock([['x', 'y']]), { endStream: true }),
  'a second head': ({ stream }) => head(stream),
  'a second head that ends it': ({ stream }) => head(stream, [], true),
  'trailers that do not end it': ({ stream }) => headersFrame(stream, headerBlock([['x', 'y']])),
  'malformed trailers': ({ stream }) => headersFrame(stream, headerBlock([['X', 'y']]), { endStream: true }),
  'a block that cannot be decoded': ({ stream }) => headersFrame(stream, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
  'DATA of a stream that nobody opened': () => dataFrame(99, 'x'),
  'a frame that is too large': ({ stream }) => dataFrame(stream, Buffer.alloc(16_385)),
  'DATA with too much padding': ({ stream }) => frame(FrameType.data, 8, stream, Buffer.of(9)),
  'a promise to push': ({ stream }) => pushPromiseFrame(stream, 2, headerBlock(requestFields('GET'))),
};

async function http2App(t: Owner, script: (request: OriginStream) => Buffer | undefined | Promise<Buffer | undefined>) {
  const origin = await frameOrigin(t, script, { grantsWindow: false });
  const proxy = await staticProxy(t, { resources: [...speaking('http2', origin.port), noRetry] });
  return { origin, proxy };
}

const quiet = (proxy: StaticProxy) =>
  until(async () => (await proxy.metric('meshlane_requests_in_flight')) === 0, { timeoutMs: 2000 });

for (const isOfKnownLength of [true, false])
  t.test(
    `a reply of ${isOfKnownLength ? 'known' : 'unknown'} length that breaks off is reset for a caller of either protocol`,
    async (t) => {
      let cut = cuts['RST_STREAM']!;
      let goOn: () => void = () => undefined;
      const { proxy } = await http2App(t, async (request) => {
        request.connection.send(
          head(request.stream, isOfKnownLength ? [['content-length', '10']] : []),
          dataFrame(request.stream, 'half'),
        );
        await new Promise<void>((resolve) => (goOn = resolve));
        return cut(request);
      });
      const client = await frameClient(t, proxy.port);
      for (const [name, way] of Object.entries(cuts)) {
        if (!isOfKnownLength && / length/.test(name)) continue;
        cut = way;
        const stream = client.request(requestFields('GET'));
        await client.frame(FrameType.data, (frame) => frame.stream === stream);
        goOn();
        const reply = await client.reply(stream);
        t.match(reply, { status: 200, end: 'reset' }, `${name}, for HTTP/2`);
        t.match(reply.body.toString(), /^half/);
        const old = await rawClient(t, proxy.port);
        old.send(get());
        await old.until((text) => text.includes('half'));
        goOn();
        const received = await old.closed();
        t.notMatch(received, /\r\n0\r\n\r\n$/, `${name}, for HTTP/1.1`);
        if (isOfKnownLength) t.ok(received.length - received.indexOf('half') !== 10);
        await until(() => old.wasReset);
      }
      await quiet(proxy);
      t.ok((await proxy.metric('meshlane_replies_cut_total')) > 20);
      t.equal(await proxy.metric('meshlane_requests_total', { code: '499' }), 0, 'no caller is blamed');
    },
  );

/** What an instance of HTTP/2 may send instead of a reply, and what its caller is told. */
const faults: Readonly<
  Record<string, readonly [reason: string, frames: (request: OriginStream) => Buffer | undefined]>
> = {
  'DATA before a head': ['upstream_protocol', ({ stream }) => dataFrame(stream, 'x', { endStream: true })],
  'a status that is none': [
    'upstream_protocol',
    ({ stream }) => headersFrame(stream, headerBlock([[':status', '2x0']]), { endStream: true }),
  ],
  'no status': [
    'upstream_protocol',
    ({ stream }) => headersFrame(stream, headerBlock([['x', 'y']]), { endStream: true }),
  ],
  'a 101': [
    'upstream_protocol',
    ({ stream }) => headersFrame(stream, headerBlock([[':status', '101']]), { endStream: true }),
  ],
  'an interim reply that ends it': [
    'upstream_protocol',
    ({ stream }) => headersFrame(stream, headerBlock([[':status', '103']]), { endStream: true }),
  ],
  'an end behind an interim reply': [
    'upstream_protocol',
    ({ stream }) =>
      Buffer.concat([
        headersFrame(stream, headerBlock([[':status', '103']])),
        dataFrame(stream, '', { endStream: true }),
      ]),
  ],
  'a field of one connection': ['upstream_protocol', ({ stream }) => head(stream, [['transfer-encoding', 'chunked']])],
  'a length and nothing': ['upstream_protocol', ({ stream }) => head(stream, [['content-length', '1']], true)],
  'a head that is too large': ['upstream_protocol', ({ stream }) => head(stream, [['x', 'v'.repeat(70_000)]], true)],
  'too many fields': [
    'upstream_protocol',
    ({ stream }) =>
      head(
        stream,
        Array.from({ length: 101 }, () => ['x', ''] as const),
        true,
      ),
  ],
  'a window that never ends': [
    'upstream_protocol',
    ({ stream }) => frame(FrameType.windowUpdate, 0, stream, Buffer.of(0x7f, 255, 255, 255)),
  ],
  'a WINDOW_UPDATE of nothing': [
    'upstream_protocol',
    ({ stream }) => frame(FrameType.windowUpdate, 0, stream, Buffer.alloc(4)),
  ],
  'a promise to push': [
    'upstream_protocol',
    ({ stream }) => pushPromiseFrame(stream, 2, headerBlock(requestFields('GET'))),
  ],
  'a reply to nobody': ['upstream_protocol', () => head(99)],
  'no HTTP/2': ['upstream_protocol', () => Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')],
  PROTOCOL_ERROR: ['upstream_aborted', ({ stream }) => rstStreamFrame(stream, 'PROTOCOL_ERROR')],
  CANCEL: ['upstream_cancelled', ({ stream }) => rstStreamFrame(stream, 'CANCEL')],
  ENHANCE_YOUR_CALM: ['upstream_exhausted', ({ stream }) => rstStreamFrame(stream, 'ENHANCE_YOUR_CALM')],
  INADEQUATE_SECURITY: ['upstream_insecure', ({ stream }) => rstStreamFrame(stream, 'INADEQUATE_SECURITY')],
  REFUSED_STREAM: ['upstream_refused', ({ stream }) => rstStreamFrame(stream, 'REFUSED_STREAM')],
  'a code that is none': ['upstream_aborted', ({ stream }) => rstStreamFrame(stream, 0xffffffff)],
  'a GOAWAY that does not include it': ['upstream_refused', () => goawayFrame(0, 'NO_ERROR')],
  'the end of the connection': ['upstream_reset', ({ connection }) => void connection.socket.end()],
};

t.test('what is no reply is one of ours, which tells why', async (t) => {
  const { proxy } = await http2App(t, (request) =>
    faults[decodeURIComponent(request.header(':path')!.slice(1))]![1](request),
  );
  const client = await frameClient(t, proxy.port);
  for (const [name, [reason]] of Object.entries(faults)) {
    const path = `/${encodeURIComponent(name)}`;
    const reply = await client.reply(client.request(requestFields('POST', path)));
    t.equal(reply.end, 'whole');
    t.equal(new Map(reply.fields).get('x-meshlane-reason'), reason, `${name}, for HTTP/2`);
    const old = await rawClient(t, proxy.port);
    old.send(get(path));
    let answer = await old.reply();
    if (answer.status === 103) answer = await old.reply();
    t.equal(answer.header('x-meshlane-reason'), reason, `${name}, for HTTP/1.1`);
  }
  await quiet(proxy);
});

t.test('interim replies without end are one too many at some time', async (t) => {
  const counts = { '/16': 16, '/17': 17 };
  const { origin, proxy } = await http2App(t, ({ stream, header }) => {
    const interim = headersFrame(stream, headerBlock([[':status', '103']]));
    const count = counts[header(':path') as keyof typeof counts];
    return Buffer.concat([...Array.from({ length: count }, () => interim), head(stream, [], true)]);
  });
  const client = await frameClient(t, proxy.port);
  const good = await client.reply(client.request(requestFields('GET', '/16')));
  t.match(good, { status: 200, interim: Array(16).fill(103) });
  const flooded = await client.reply(client.request(requestFields('GET', '/17')));
  t.match(flooded, { status: 502, interim: Array(16).fill(103) });
  await until(() => origin.requests[1]!.resetBy === 'ENHANCE_YOUR_CALM');
});

t.test('a fault of one stream leaves the others of its connection alone', async (t) => {
  const held: ((bytes: Buffer) => void)[] = [];
  const { origin, proxy } = await http2App(t, async ({ stream, header }) => {
    if (header(':path') === '/bad') return headersFrame(stream, headerBlock([[':status', '0']]), { endStream: true });
    return new Promise((resolve) => held.push(resolve));
  });
  const client = await frameClient(t, proxy.port);
  const waiting = client.request(requestFields('GET', '/held'));
  await until(() => held.length === 1);
  t.match(await client.reply(client.request(requestFields('GET', '/bad'))), { status: 502 });
  held[0]!(head(origin.requests[0]!.stream, [], true));
  t.match(await client.reply(waiting), { status: 200 });
  t.equal(origin.connections.length, 1);
  await until(() => origin.requests[1]!.resetBy === 'PROTOCOL_ERROR');
});

/** How an instance of HTTP/1.1 fails when some of its reply's body has come. */
const oldCuts: Readonly<Record<string, readonly [head: string, rest: string]>> = {
  'within its length': ['Content-Length: 10', 'half'],
  'within a chunk': ['Transfer-Encoding: chunked', '5\r\nhalf'],
  'between chunks': ['Transfer-Encoding: chunked', '4\r\nhalf\r\n'],
  'within its trailers': ['Transfer-Encoding: chunked', '4\r\nhalf\r\n0\r\nX-A: b\r\n'],
  'with a chunk that is none': ['Transfer-Encoding: chunked', '4\r\nhalf\r\nx\r\n'],
};

t.test('a reply of HTTP/1.1 that breaks off is reset for a caller of HTTP/2', async (t) => {
  const origin = await scriptedOrigin(t, ({ head, connection }) => {
    const [field, rest] = oldCuts[decodeURIComponent(head.split(' ')[1]!.slice(1))]!;
    connection.socket.end(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n${rest}`);
    return undefined;
  });
  const proxy = await staticProxy(t, { resources: [...serviceAt('app', origin.port), noRetry] });
  const client = await frameClient(t, proxy.port);
  for (const name of Object.keys(oldCuts)) {
    const reply = await client.reply(client.request(requestFields('GET', `/${encodeURIComponent(name)}`)));
    t.match(reply, { status: 200, end: 'reset', error: 'INTERNAL_ERROR' }, name);
    t.match(reply.body.toString(), /^(half)?$/);
  }
  await quiet(proxy);
  t.equal(await proxy.metric('meshlane_replies_cut_total'), Object.keys(oldCuts).length);
});
