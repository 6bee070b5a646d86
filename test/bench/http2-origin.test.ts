import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { tempFolder } from '../harness/temp-folder.ts';
import { startGrpcEnds, startHttp2Ends } from './http2-ends.ts';
import { FrameReader } from './http2-frame-reader.ts';
import { unpinned } from './placement.ts';

const rigOf = (t: Test) => ({ place: unpinned, folder: tempFolder(t), owner: t, status: () => undefined });

t.test('a request is answered with the whole reply, a call with its message and trailers', async (t) => {
  const plain = await startHttp2Ends(rigOf(t), { sizeBytes: 1024 });
  t.ok(await plain.check('the origin', plain.origin.port));
  const grpc = await startGrpcEnds(rigOf(t), { sizeBytes: 32 });
  t.ok(await grpc.check('the origin', grpc.origin.port));
  await t.rejects(plain.check('a server of calls', grpc.origin.port), {
    message: 'a server of calls answers 200 with 37 bytes; 200 with the origin’s 1024 bytes was expected',
  });
});

t.test('replies wait for the window of the connection, and those of reset streams are given up', async (t) => {
  const { origin } = await startHttp2Ends(rigOf(t), { sizeBytes: 16_000 });
  const session = connect(`http://127.0.0.1:${origin.port}`);
  const streams = Array.from({ length: 40 }, () => session.request({ ':path': '/' }));
  for (const stream of streams.splice(10, 10)) stream.close();
  const bodies = await Promise.all(streams.map((stream) => buffer(stream)));
  t.strictSame(new Set(bodies.map(({ length }) => length)), new Set([16_000]));
  session.destroy();
});

t.test('frames are found wherever what comes is split', async (t) => {
  const frame = (type: number, flags: number, stream: number, payload: string) =>
    Buffer.concat([Buffer.of(0, 0, payload.length, type, flags, 0, 0, 0, stream), Buffer.from(payload)]);
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  const sent = Buffer.concat([preface, frame(4, 0, 0, ''), frame(1, 4, 3, 'fields'), frame(0, 1, 3, 'body')]);
  for (let split = 0; split <= sent.length; split++) {
    const found: unknown[] = [];
    const frames = new FrameReader((type, flags, stream, bytes, from, to) =>
      found.push([type, flags, stream, bytes.toString('latin1', from, to)]),
    );
    t.ok(frames.read(sent.subarray(0, split)) && frames.read(sent.subarray(split)));
    t.strictSame(found, [[4, 0, 0, ''], [1, 4, 3, 'fields'], [0, 1, 3, 'body']], `at byte ${split}`); // biome-ignore format: as it looks
  }
  t.notOk(new FrameReader(() => undefined).read(Buffer.from('GET / HTTP/1.1\r\nhost: a\r\n\r\n')));
});
