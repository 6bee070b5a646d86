import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import t from 'tap';
import { H2Code } from '../../../shared/http2/frame.ts';
import { FrameReader, type FrameSink } from '../../../shared/http2/frame-reader.ts';
import { Flag, FrameType, usualFrameSize } from '../../harness/http2/frame.ts';
import { FrameReader as PlainReader } from '../../harness/http2/frame-reader.ts';
import { dataFrame, frame } from '../../harness/http2/frame-writer.ts';
import { escaped, holdsFor } from '../../harness/property.ts';

/** What a reader hands on: each frame in a line, DATA with all of its pieces together. */
function reading(): { sink: FrameSink; calls: string[] } {
  const calls: string[] = [];
  let data = '';
  const sink: FrameSink = {
    onFrame: (type, flags, stream, bytes, from, to) =>
      calls.push(`${type}/${flags}@${stream} ${bytes.toString('hex', from, to)}`) > 0,
    onDataFrame: (flags, stream, size) => {
      data = `0/${flags}@${stream} of ${size} `;
      return true;
    },
    onData: (bytes, from, to) => {
      data += bytes.toString('hex', from, to);
      return true;
    },
    onDataEnd: (flags) => calls.push(`${data} ends ${flags}`) > 0,
  };
  return { sink, calls };
}

type Outcome = { calls: readonly string[]; code: H2Code };

/** Reads pieces, each of which is overwritten when it has been read, as memory of reads is. */
function read(pieces: readonly Buffer[]): Outcome {
  const reader = new FrameReader();
  const { sink, calls } = reading();
  for (const piece of pieces) {
    const lent = Buffer.from(piece);
    const code = reader.read(lent, lent.length, sink);
    lent.fill(0xee);
    if (code !== H2Code.noError) return { calls, code };
  }
  return { calls, code: H2Code.noError };
}

/** The same by a reader that keeps everything and cuts only at the end. */
function readPlainly(bytes: Buffer): Outcome {
  const calls: string[] = [];
  for (const { type, flags, stream, payload } of new PlainReader().read(bytes)) {
    if (payload.length > usualFrameSize) return { calls, code: H2Code.frameSizeError };
    if (type !== FrameType.data) {
      calls.push(`${type}/${flags}@${stream} ${payload.toString('hex')}`);
      continue;
    }
    const isPadded = (flags & Flag.padded) !== 0;
    const from = isPadded ? 1 : 0;
    const to = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
    if (from > to) return { calls, code: H2Code.protocolError };
    calls.push(`0/${flags}@${stream} of ${payload.length} ${payload.toString('hex', from, to)} ends ${flags}`);
  }
  return { calls, code: H2Code.noError };
}

const stream = fc.integer({ min: 0, max: 0x7fffffff });
const anyFrame = fc
  .tuple(fc.integer({ min: 0, max: 12 }), fc.nat({ max: 255 }), stream, fc.uint8Array({ maxLength: 60 }))
  .map(([type, flags, stream, payload]) => frame(type, flags, stream, Buffer.from(payload)));
const data = fc
  .tuple(stream, fc.uint8Array({ maxLength: 60 }), fc.boolean(), fc.option(fc.nat({ max: 255 }), { nil: undefined }))
  .map(([stream, body, endStream, padding]) =>
    dataFrame(stream, Buffer.from(body), { endStream, ...(padding === undefined ? {} : { padding }) }),
  );
const frames = fc.array(fc.oneof(anyFrame, data), { minLength: 1, maxLength: 8 }).map((all) => Buffer.concat(all));

const cutAt = (bytes: Buffer, cuts: readonly number[]) =>
  [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));

t.test('frames are the same however their bytes come', async (t) => {
  holdsFor(t, frames, { runs: 300, show: escaped }, (bytes) => {
    const wanted = readPlainly(bytes);
    const everywhere = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
    deepStrictEqual(read([bytes]), wanted, 'whole');
    for (const cut of everywhere) deepStrictEqual(read(cutAt(bytes, [cut])), wanted, `cut at ${cut}`);
    deepStrictEqual(read(cutAt(bytes, everywhere)), wanted, 'byte by byte');
  });
});

t.test('frames of any size are the same in pieces of any size', async (t) => {
  const large = fc
    .tuple(fc.constantFrom(0, 1, 9, 77), fc.constantFrom(511, 512, 1025, usualFrameSize - 1, usualFrameSize))
    .map(([type, size]) => frame(type, Flag.endStream, 1, Buffer.alloc(size, size % 251)));
  const cuts = fc.uniqueArray(fc.nat({ max: 40_000 }), { maxLength: 12 });
  const all = fc.array(fc.oneof(large, anyFrame, data), { minLength: 1, maxLength: 5 });
  const show = ([pieces, places]: [Buffer[], number[]]) =>
    `frames of ${pieces.map(({ length }) => length).join(', ')} cut at ${places.join(', ')}`;
  holdsFor(t, fc.tuple(all, cuts), { runs: 300, show }, ([pieces, places]) => {
    const bytes = Buffer.concat(pieces);
    const inside = places.filter((place) => place > 0 && place < bytes.length).sort((a, b) => a - b);
    deepStrictEqual(read(cutAt(bytes, inside)), readPlainly(bytes));
  });
});

t.test('a frame above 16,384 bytes is refused when its head is there, so that none of it is kept', async (t) => {
  for (const type of [FrameType.data, FrameType.headers, 99])
    for (const [size, code] of [
      [usualFrameSize, H2Code.noError],
      [usualFrameSize + 1, H2Code.frameSizeError],
      [0xffffff, H2Code.frameSizeError],
    ] as const) {
      const head = frame(type, 0, 1);
      head.writeUIntBE(size, 0, 3);
      t.equal(read([head]).code, code, `${size} of type ${type}`);
      t.equal(read([...head].map((byte) => Buffer.of(byte))).code, code, `${size} of type ${type}, byte by byte`);
    }
});

t.test('padding that is longer than its frame is an error, whatever lies behind the frame', async (t) => {
  const padded = (payload: Buffer) => frame(FrameType.data, Flag.padded, 1, payload);
  const faulty = [Buffer.alloc(0), Buffer.of(1), Buffer.of(3, 0, 0), Buffer.of(255, 1, 2, 3)];
  for (const payload of faulty)
    for (const behind of [Buffer.alloc(0), Buffer.alloc(20), Buffer.alloc(20, 0xff)]) {
      const { code, calls } = read([Buffer.concat([padded(payload), behind])]);
      t.strictSame([code, calls], [H2Code.protocolError, []], `${payload.toString('hex')} and ${behind.length} more`);
    }
  const whole = [Buffer.of(0), Buffer.of(2, 0, 0), Buffer.concat([Buffer.of(255), Buffer.alloc(255)])];
  for (const payload of whole) t.equal(read([padded(payload)]).code, H2Code.noError);
});

t.test('a sink that wants no more gets no more', async (t) => {
  const bytes = Buffer.concat([dataFrame(1, 'abc', { padding: 2 }), dataFrame(3, ''), frame(77, 0, 5)]);
  for (let most = 0; most < 6; most++) {
    let calls = 0;
    const take = () => ++calls <= most;
    const sink: FrameSink = { onFrame: take, onDataFrame: take, onData: take, onDataEnd: take };
    t.equal(new FrameReader().read(bytes, bytes.length, sink), H2Code.noError);
    t.equal(calls, most + 1);
  }
});
