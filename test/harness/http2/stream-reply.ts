import { contentOf, errorNameOf, Flag, FrameType, has, lastStreamOf } from './frame.ts';
import type { ReceivedFrame } from './frame-connection.ts';
import type { Field } from './hpack/field.ts';

/** What became of one request, as its caller sees it. */
export type StreamReply = {
  /** 0 when no final head came. */
  readonly status: number;
  readonly fields: readonly Field[];
  readonly body: Buffer;
  readonly trailers: readonly Field[];
  /** Statuses of the interim replies (1xx). */
  readonly interim: readonly number[];
  /** `whole`, or what ended it before it was. */
  readonly end: 'whole' | 'reset' | 'goaway' | 'closed';
  /** The name of the error in RST_STREAM or GOAWAY; null without one. */
  readonly error: string | null;
};

/** Puts a stream's frames together; null while it is not over. */
export function streamReply(frames: readonly ReceivedFrame[], stream: number, isClosed: boolean): StreamReply | null {
  const interim: number[] = [];
  const pieces: Buffer[] = [];
  const heads: (readonly Field[])[] = [];
  const over = (end: StreamReply['end'], error: string | null = null): StreamReply => {
    const [fields = [], trailers = []] = heads;
    return { status: statusOf(fields), fields, body: Buffer.concat(pieces), trailers, interim, end, error };
  };
  for (const frame of frames) {
    if (frame.type === FrameType.goaway && isLost(frame, stream)) return over('goaway', errorNameOf(frame));
    if (frame.stream !== stream) continue;
    if (frame.type === FrameType.rstStream) return over('reset', errorNameOf(frame));
    if (frame.type === FrameType.data) pieces.push(contentOf(frame));
    if (frame.type === FrameType.headers) {
      if (frame.fields === null) break;
      const status = statusOf(frame.fields);
      if (status >= 100 && status < 200) interim.push(status);
      else heads.push(frame.fields);
    }
    const mayEnd = frame.type === FrameType.data || frame.type === FrameType.headers;
    if (mayEnd && has(frame, Flag.endStream)) return over('whole');
  }
  return isClosed ? over('closed') : null;
}

/** A GOAWAY for an error ends all streams; one without only those that it does not include (RFC 9113 §6.8). */
function isLost(goaway: ReceivedFrame, stream: number): boolean {
  return errorNameOf(goaway) !== 'NO_ERROR' || lastStreamOf(goaway) < stream;
}

function statusOf(fields: readonly Field[]): number {
  return Number(fields.find(([name]) => name === ':status')?.[1] ?? 0);
}
