import t from 'tap';
import { Flag, type Frame, FrameType, has, Setting } from '../../harness/http2/frame.ts';
import { frameClient, requestFields } from '../../harness/http2/frame-client.ts';
import { settingsFrame } from '../../harness/http2/frame-writer.ts';
import { startOurs } from './subject.ts';

// RFC 9113 §6.5.3. Who waits for the acknowledgement before it looks at what comes, as h2spec does, misses what comes sooner.
t.test('SETTINGS are acknowledged before what they set free is sent', async (t) => {
  const { lanes } = await startOurs(t, { laneCount: 1 });
  const caller = await frameClient(t, lanes[0]!.port, { settings: [[Setting.initialWindowSize, 0]] });
  const stream = caller.request(requestFields('GET'));
  const isAck = (frame: Frame) => frame.type === FrameType.settings && has(frame, Flag.ack);
  await caller.frame(FrameType.headers, (frame) => frame.stream === stream);
  await caller.until(() => caller.frames.some(isAck), 'the first acknowledgement');
  const from = caller.frames.length;
  caller.send(settingsFrame([[Setting.initialWindowSize, 1]]));
  await caller.frame(FrameType.data, ({ payload }) => payload.length === 1);
  t.ok(isAck(caller.frames[from]!), 'the acknowledgement comes first');
});
