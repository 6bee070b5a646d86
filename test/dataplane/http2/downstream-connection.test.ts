import t from 'tap';
import { Http2DownstreamConnection } from '../../../dataplane/http2/downstream-connection.ts';
import type { Caller } from '../../../dataplane/message/caller.ts';
import { newTraceMarkMemory, TraceMarks } from '../../../dataplane/pipeline/trace-marks.ts';
import { WriteBatch } from '../../../dataplane/transport/write-batch.ts';
import type { WorkerContext } from '../../../dataplane/worker/worker-context.ts';
import { TimerWheel } from '../../../shared/time/timer-wheel.ts';
import { errorNameOf, FrameType, preface } from '../../harness/http2/frame.ts';
import { pingFrame, settingsFrame } from '../../harness/http2/frame-writer.ts';
import { RecordingTransport } from './recording-transport.ts';

const caller: Caller = {
  removes: 0,
  refuses: 0,
  isTrusted: false,
  scheme: 'http',
  forwarding: null,
  via: null,
  address: Buffer.alloc(0),
};

/** A connection of a caller that has said hello, on a transport that only remembers. */
function connection() {
  const now = () => 0;
  const transport = new RecordingTransport();
  const context = {
    wheel: new TimerWheel(now),
    now,
    tick: () => undefined,
    batch: new WriteBatch(),
    traceMarks: new TraceMarks(newTraceMarkMemory(), 0),
    limits: {
      headBytes: 65_536,
      headerCount: 100,
      targetBytes: 16_384,
      headTimeoutMs: 0,
      keepAliveTimeoutMs: 0,
      bodyBytes: 0,
      bufferBytes: 32_768,
      http2: { streams: 256, streamWindowBytes: 262_144, connectionWindowBytes: 1_048_576 },
    },
  } as unknown as WorkerContext;
  const one = new Http2DownstreamConnection(
    context,
    transport,
    { direction: 'outbound', connect: false },
    caller,
    () => undefined,
  );
  const receive = (...frames: readonly Buffer[]) => one.readEarly(Buffer.concat(frames));
  receive(preface, settingsFrame());
  return { transport, receive };
}

const mostUnread = 1000;
/** Fewer than what may be asked for in a row. */
const manyPings = 1900;

t.test('a caller that reads none of the answers to its PINGs is cut off after as many as may wait', async (t) => {
  const { transport, receive } = connection();
  transport.unsentBytes = 1;
  for (let i = 0; i < mostUnread; i++) receive(pingFrame());
  t.notOk(transport.frames.some(({ type }) => type === FrameType.goaway));
  receive(pingFrame());
  t.strictSame(transport.frames.filter(({ type }) => type === FrameType.goaway).map(errorNameOf), [
    'ENHANCE_YOUR_CALM',
  ]);
});

t.test('a caller that reads them now and then is not, however many there were in all', async (t) => {
  const { transport, receive } = connection();
  for (let i = 0; i < manyPings; i++) {
    transport.unsentBytes = i % 100 === 0 ? 0 : 1;
    receive(pingFrame());
  }
  t.notOk(transport.frames.some(({ type }) => type === FrameType.goaway));
});
