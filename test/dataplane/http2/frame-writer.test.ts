import t from 'tap';
import { FrameType as Type } from '../../../shared/http2/frame.ts';
import { usualFrameSize } from '../../harness/http2/frame.ts';
import { HpackDecoder } from '../../harness/http2/hpack/decoder.ts';
import { PlainStream } from './plain-stream.ts';
import { shown, writing } from './writing.ts';

const large = 1 << 30;

t.test('what one turn brings leaves in one write, and what much brings in writes of about 32 KiB', async (t) => {
  const { transport, writer, headers, data, end, sent } = writing(large);
  const [one, other] = [new PlainStream(1, large), new PlainStream(3, large)];
  headers(one, 'a');
  data(one, 'hello');
  writer.number(Type.windowUpdate, 0, 5);
  headers(other, 'b', true);
  end(one);
  t.equal(transport.writes.length, 0);
  t.strictSame(shown(await sent()), ['1/4@1 5', '0/0@1 5', '8/0@0 4', '1/5@3 5', '0/1@1 0']);
  t.equal(transport.writes.length, 1);
  data(new PlainStream(5, large), Buffer.alloc(200_000));
  t.equal((await sent()).length, Math.ceil(200_000 / usualFrameSize));
  t.ok(Math.max(...transport.writes) < 65_536);
});

t.test('the last frame of a stream says itself that it is the last, as long as it can', async (t) => {
  const { writer, headers, data, end, sent } = writing(large);
  const other = new PlainStream(3, 0);
  const ways: Record<string, [write: (stream: PlainStream) => void, wanted: readonly string[]]> = {
    'HEADERS alone': [(one) => headers(one, 'a'), ['1/5@1 5']],
    'HEADERS and DATA': [
      (one) => {
        headers(one, 'a');
        data(one, 'b');
      },
      ['1/4@1 5', '0/1@1 1'],
    ],
    'another stream’s frame behind': [
      (one) => {
        data(one, 'b');
        headers(other, 'c');
      },
      ['0/0@1 1', '1/4@3 5', '0/1@1 0'],
    ],
    'WINDOW_UPDATE of the same stream behind': [
      (one) => {
        data(one, 'b');
        writer.number(Type.windowUpdate, 1, 9);
      },
      ['0/0@1 1', '8/0@1 4', '0/1@1 0'],
    ],
    'a frame of the connection behind': [
      (one) => {
        data(one, 'b');
        writer.control(Type.ping, 1, 0, Buffer.alloc(8));
      },
      ['0/0@1 1', '6/1@0 8', '0/1@1 0'],
    ],
    'a block in two frames': [(one) => headers(one, 'v'.repeat(20_000)), ['1/0@1 16384', '9/4@1 3623', '0/1@1 0']],
  };
  for (const [name, [write, wanted]] of Object.entries(ways)) {
    const stream = new PlainStream(1, large);
    write(stream);
    end(stream);
    end(stream);
    t.strictSame(shown(await sent()), wanted, name);
    t.ok(stream.hasSentEnd);
  }
  const stream = new PlainStream(1, large);
  data(stream, 'b');
  await sent();
  end(stream);
  t.strictSame(shown(await sent()), ['0/1@1 0'], 'a frame that has left cannot be changed');
});

t.test('a block of more than a frame goes on in CONTINUATION', async (t) => {
  const { headers, sent } = writing();
  const decoder = new HpackDecoder();
  const overhead = 6; // of a name of one byte and a length of three
  for (const [valueSize, count] of [
    [usualFrameSize - overhead, 1],
    [usualFrameSize - overhead + 1, 2],
    [100_000, 7],
  ] as const) {
    const value = 'v'.repeat(valueSize);
    headers(new PlainStream(1, 0), value, true);
    const frames = await sent();
    t.strictSame(decoder.decode(Buffer.concat(frames.map(({ payload }) => payload))), [['x', value]]);
    t.equal(frames.length, count);
    const kinds = shown(frames).map((text) => text.split(' ')[0]);
    const [last] = kinds.slice(-1);
    if (frames.length === 1) t.equal(last, '1/5@1');
    else t.strictSame(kinds, ['1/1@1', ...kinds.slice(2).map(() => '9/0@1'), '9/4@1'], `${valueSize} bytes`);
    t.ok(frames.every(({ payload }) => payload.length <= usualFrameSize));
  }
});

t.test('a writer that is closed writes nothing', async (t) => {
  const { transport, writer, headers, data, end, sent } = writing(large);
  const stream = new PlainStream(1, large);
  headers(stream, 'a');
  writer.close();
  data(stream, 'b');
  end(stream, 'c');
  writer.flush();
  t.strictSame(await sent(), []);
  t.equal(transport.writes.length, 0);
});
