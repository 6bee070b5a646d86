import { deepStrictEqual, ok } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { Flag, type Frame, FrameType, has, usualFrameSize, usualWindow } from '../../harness/http2/frame.ts';
import { HpackDecoder } from '../../harness/http2/hpack/decoder.ts';
import { holdsFor } from '../../harness/property.ts';
import { PlainStream } from './plain-stream.ts';
import { bufferBytes, shown, writing } from './writing.ts';

/** DATA that has to wait: for the window of its stream, for that of the connection, or for the socket. */

const large = 1 << 30;
const sizeOf = (frames: readonly Frame[], stream: number) =>
  frames.reduce((sum, one) => sum + (one.stream === stream && one.type === FrameType.data ? one.payload.length : 0), 0);

t.test('no more is sent than the window of the stream and that of the connection have room for', async (t) => {
  const { writer, data, sent } = writing(30_000);
  const [one, other] = [new PlainStream(1, 20_000), new PlainStream(3, large)];
  data(one, Buffer.alloc(25_000));
  t.strictSame(shown(await sent()), ['0/0@1 16384', '0/0@1 3616']);
  data(other, Buffer.alloc(25_000));
  t.strictSame(shown(await sent()), ['0/0@3 10000'], 'what the first has left of the connection');
  one.sendWindow += 100_000;
  writer.onWindow(one);
  t.strictSame(await sent(), [], 'a window alone is not enough');
  writer.sendWindow += 100_000;
  writer.onWindow(null);
  t.strictSame(shown(await sent()), ['0/0@3 15000', '0/0@1 5000']);
  t.strictSame([one.queuedBytes, other.queuedBytes], [0, 0]);
});

t.test('streams that wait for the connection get a frame each in turn', async (t) => {
  const { writer, data, end, sent } = writing(0);
  const streams = [1, 3, 5].map((id) => new PlainStream(id, large));
  for (const stream of streams) {
    data(stream, Buffer.alloc(60_000));
    end(stream);
  }
  writer.sendWindow = 9 * usualFrameSize;
  writer.onWindow(null);
  t.strictSame(
    (await sent()).map(({ stream }) => stream),
    [1, 3, 5, 1, 3, 5, 1, 3, 5],
  );
  writer.sendWindow += large;
  writer.onWindow(null);
  const last = await sent();
  t.strictSame(shown(last), ['0/1@1 10848', '0/1@3 10848', '0/1@5 10848']);
  t.strictSame(
    streams.map(({ endsSent }) => endsSent),
    [1, 1, 1],
  );
});

t.test('a stream whose own window is closed takes no turn from others', async (t) => {
  const { writer, data, sent } = writing(large);
  const [closed, open] = [new PlainStream(1, 0), new PlainStream(3, large)];
  data(closed, 'a');
  data(open, 'b');
  t.strictSame(shown(await sent()), ['0/0@3 1']);
  closed.sendWindow = 1;
  writer.onWindow(closed);
  t.strictSame(shown(await sent()), ['0/0@1 1']);
});

t.test('while the socket is blocked DATA waits and the rest does not', async (t) => {
  const { transport, writer, headers, data, end, sent } = writing(large);
  const stream = new PlainStream(1, large);
  transport.isBlocked = true;
  headers(stream, 'a');
  data(stream, 'b');
  end(stream);
  writer.control(FrameType.ping, Flag.ack, 0, Buffer.alloc(8));
  t.strictSame(shown(await sent()), ['1/4@1 5', '6/1@0 8']);
  transport.isBlocked = false;
  writer.pump();
  t.strictSame(shown(await sent()), ['0/1@1 1']);
});

t.test('trailers wait behind what they follow, as they were', async (t) => {
  const { writer, headers, data, end, sent } = writing(large);
  const decoder = new HpackDecoder();
  const stream = new PlainStream(1, 2);
  headers(stream, 'a');
  data(stream, 'hello');
  end(stream, 'bye');
  end(stream, 'twice');
  const [head, ...early] = await sent();
  decoder.decode(head!.payload);
  t.strictSame(shown(early), ['0/0@1 2']);
  t.notOk(stream.hasSentEnd);
  stream.sendWindow = 100;
  writer.onWindow(stream);
  const frames = await sent();
  t.strictSame(shown(frames.slice(0, 1)), ['0/0@1 3']);
  t.strictSame(decoder.decode(frames[1]!.payload), [['x-end', 'bye']]);
  t.ok(has(frames[1]!, Flag.endStream));
  t.equal(frames.length, 2);
  t.strictSame([stream.endsSent, stream.hasSentEnd], [1, true]);
});

t.test('an end that waits for nothing but DATA needs no window of its own', async (t) => {
  const { headers, end, sent } = writing(0);
  const stream = new PlainStream(1, 0);
  headers(stream, 'a');
  await sent();
  end(stream);
  t.strictSame(shown(await sent()), ['0/1@1 0']);
  t.equal(stream.endsSent, 0, 'told only of an end that had to wait');
});

t.test('a stream that is given up takes its data along, wherever it waits', async (t) => {
  const { writer, data, end, sent } = writing(0);
  const streams = [1, 3, 5].map((id) => new PlainStream(id, large));
  for (const stream of streams) {
    data(stream, Buffer.alloc(50_000));
    end(stream, 'bye');
  }
  writer.drop(streams[1]!);
  writer.drop(streams[1]!);
  writer.sendWindow = large;
  writer.onWindow(null);
  const frames = await sent();
  t.strictSame([sizeOf(frames, 1), sizeOf(frames, 3), sizeOf(frames, 5)], [50_000, 0, 50_000]);
  t.notOk(streams[1]!.hasQueued);
  t.strictSame(
    streams.map(({ endsSent }) => endsSent),
    [1, 0, 1],
  );
});

t.test('whoever fills a stream is stopped at the bound, and hears once when there is room again', async (t) => {
  const { writer, data, clock, sent } = writing(large);
  const stream = new PlainStream(1, 0);
  data(stream, Buffer.alloc(bufferBytes - 1));
  t.notOk(stream.isHeldUp);
  clock.nowMs = 5;
  data(stream, 'x');
  t.ok(stream.isHeldUp);
  t.equal(stream.movedMs, 0, 'the oldest waits since then');
  stream.sendWindow = 1;
  writer.onWindow(stream);
  t.equal(stream.movedMs, 5);
  t.equal(stream.unblocked, 1);
  stream.sendWindow = large;
  writer.onWindow(stream);
  await sent();
  t.equal(stream.unblocked, 1);
});

t.test('windows that SETTINGS makes smaller than nothing are waited for', async (t) => {
  const { writer, data, sent } = writing(0);
  const [shrunk, other] = [new PlainStream(1, usualWindow), new PlainStream(3, usualWindow)];
  data(shrunk, 'hello');
  data(other, 'there');
  shrunk.sendWindow -= usualWindow + 10;
  writer.sendWindow = large;
  writer.onWindow(null);
  t.strictSame(shown(await sent()), ['0/0@3 5']);
  shrunk.sendWindow += 12;
  writer.onWindow(shrunk);
  t.strictSame(shown(await sent()), ['0/0@1 2']);
  shrunk.sendWindow += 100;
  writer.onWindow(shrunk);
  t.strictSame(shown(await sent()), ['0/0@1 3']);
});

/** What happens to a writer with three streams. */
type Event =
  | { readonly kind: 'data' | 'window'; readonly stream: number; readonly size: number }
  | { readonly kind: 'end'; readonly stream: number; readonly hasTrailers: boolean }
  | { readonly kind: 'connection'; readonly size: number }
  | { readonly kind: 'block' | 'drain' | 'turn' };

const streamPlace = fc.nat({ max: 2 });
const size = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 60_000 }));
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant('data' as const), stream: streamPlace, size }),
  fc.record({ kind: fc.constant('window' as const), stream: streamPlace, size }),
  fc.record({ kind: fc.constant('end' as const), stream: streamPlace, hasTrailers: fc.boolean() }),
  fc.record({ kind: fc.constant('connection' as const), size }),
  fc.record({ kind: fc.constantFrom('block' as const, 'drain' as const, 'turn' as const) }),
);

t.test('every stream arrives whole and in order, within its windows, whatever it waits for', async (t) => {
  holdsFor(t, fc.array(event, { maxLength: 60 }), { runs: 500, show: (events) => JSON.stringify(events) }, (events) => {
    const { transport, writer, data, end } = writing(0);
    const streams = [1, 3, 5].map((id) => new PlainStream(id, 0));
    const [written, granted] = [new Map<number, Buffer>(), new Map<number, number>([[0, 0]])];
    let filled = 0;
    for (const { id } of streams) {
      written.set(id, Buffer.alloc(0));
      granted.set(id, 0);
    }
    const grant = (id: number, size: number) => granted.set(id, granted.get(id)! + size);
    const apply = (one: Event) => {
      if (one.kind === 'block') transport.isBlocked = true;
      if (one.kind === 'turn') writer.flush();
      if (one.kind === 'drain') {
        transport.isBlocked = false;
        writer.pump();
      }
      if (one.kind === 'connection') {
        writer.sendWindow += one.size;
        grant(0, one.size);
        writer.onWindow(null);
      }
      if (!('stream' in one)) return;
      const stream = streams[one.stream]!;
      if (one.kind === 'window') {
        stream.sendWindow += one.size;
        grant(stream.id, one.size);
        writer.onWindow(stream);
      }
      if (one.kind === 'end') end(stream, one.hasTrailers ? 'bye' : undefined);
      if (one.kind !== 'data' || stream.hasSentEnd || stream.isEndQueued) return;
      const bytes = Buffer.alloc(one.size, ++filled);
      written.set(stream.id, Buffer.concat([written.get(stream.id)!, bytes]));
      data(stream, bytes);
    };
    for (const one of events) apply(one);
    writer.flush();
    const before = transport.frames.length;
    let sum = 0;
    for (const { id } of streams) {
      const size = sizeOf(transport.frames, id);
      ok(size <= granted.get(id)!, `stream ${id} within its window`);
      sum += size;
    }
    ok(sum <= granted.get(0)!, 'the connection within its window');

    apply({ kind: 'drain' });
    apply({ kind: 'connection', size: large });
    for (const [place] of streams.entries()) apply({ kind: 'window', stream: place, size: large });
    for (const [place] of streams.entries()) apply({ kind: 'end', stream: place, hasTrailers: false });
    writer.flush();
    ok(transport.frames.length >= before);
    ok(transport.frames.every(({ payload }) => payload.length <= usualFrameSize));
    for (const { id } of streams) {
      const frames = transport.frames.filter(({ stream }) => stream === id);
      const bytes = Buffer.concat(frames.map((one) => (one.type === FrameType.data ? one.payload : Buffer.alloc(0))));
      ok(bytes.equals(written.get(id)!), `stream ${id} as it was written`);
      deepStrictEqual(
        frames.map((one) => has(one, Flag.endStream)),
        frames.map((one) => one === frames.at(-1)),
        `stream ${id} ends once, in its last frame`,
      );
    }
  });
});
