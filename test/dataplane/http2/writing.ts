import { setImmediate as nextTurn } from 'node:timers/promises';
import { FrameWriter } from '../../../dataplane/http2/frame-writer.ts';
import { FieldName } from '../../../dataplane/message/field-name.ts';
import { Head } from '../../../dataplane/message/head.ts';
import { WriteBatch } from '../../../dataplane/transport/write-batch.ts';
import { HpackEncoder } from '../../../shared/http2/hpack/encoder.ts';
import { Indexing } from '../../../shared/http2/hpack/indexing.ts';
import { type Frame, usualWindow } from '../../harness/http2/frame.ts';
import type { PlainStream } from './plain-stream.ts';
import { RecordingTransport } from './recording-transport.ts';

export const bufferBytes = 32_768;

/** A writer, and short ways to have it write; memory that it is given is overwritten, as it is only good during the call. */
export function writing(sendWindow = usualWindow) {
  const transport = new RecordingTransport();
  const encoder = new HpackEncoder(4096);
  const clock = { nowMs: 0 };
  const writer = new FrameWriter(transport, new WriteBatch(), encoder, { bufferBytes, now: () => clock.nowMs });
  writer.sendWindow = sendWindow;
  const headers = (stream: PlainStream, value: string, isEnd = false) => {
    const out = writer.openHeaders(stream, isEnd);
    const bytes = Buffer.from(`x${value}`, 'latin1');
    encoder.field(out, bytes, 0, 1, 1, bytes.length, Indexing.without);
    writer.closeHeaders(out);
  };
  const data = (stream: PlainStream, body: Buffer | string) => {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : Buffer.from(body);
    writer.data(stream, bytes, 0, bytes.length);
    bytes.fill(0xee);
  };
  const end = (stream: PlainStream, trailer?: string) => {
    const section = trailer === undefined ? null : trailers(trailer);
    writer.end(stream, section);
    section?.bytes.fill(0xee);
  };
  /** What has left since the last time, with all that this turn brought. */
  const sent = async () => {
    await nextTurn();
    return transport.take();
  };
  return { transport, writer, clock, headers, data, end, sent };
}

/** A trailer section of one field, `x-end`. */
function trailers(value: string): Head {
  const head = new Head();
  const line = `x-end: ${value}\r\n`;
  head.reset(Buffer.from(`${line}\r\n`, 'latin1'), 0);
  head.addField(FieldName.other, 0, 5, 7, line.length - 2);
  head.end = line.length + 2;
  return head;
}

/** Each frame as `type/flags@stream size`. */
export function shown(frames: readonly Frame[]): string[] {
  return frames.map(({ type, flags, stream, payload }) => `${type}/${flags}@${stream} ${payload.length}`);
}
