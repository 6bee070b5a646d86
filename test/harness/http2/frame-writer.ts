import { type ErrorName, errorNames, Flag, FrameType, headSize, usualFrameSize } from './frame.ts';

/** Builds frames, one function each. They check nothing: tests want the wrong ones as well. */

const nothing = Buffer.alloc(0);

export function frame(type: number, flags: number, stream: number, payload: Buffer = nothing): Buffer {
  const bytes = Buffer.alloc(headSize + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, headSize);
  return bytes;
}

export type BodyOptions = {
  readonly endStream?: boolean;
  /** Bytes of padding behind the content. */
  readonly padding?: number;
};

export function dataFrame(stream: number, body: Buffer | string, options: BodyOptions = {}): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  return frame(FrameType.data, flagsOf(options), stream, padded(content, options.padding));
}

export type HeadersOptions = BodyOptions & {
  /** False when a CONTINUATION follows. */
  readonly endHeaders?: boolean;
  /** The stream that this one depends on, in the old priority fields (RFC 9113 §5.3). */
  readonly dependsOn?: number;
};

/** One HEADERS frame of any size. */
export function headersFrame(stream: number, block: Buffer, options: HeadersOptions = {}): Buffer {
  const { endHeaders = true, dependsOn } = options;
  const content = dependsOn === undefined ? block : Buffer.concat([dependency(dependsOn), block]);
  let flags = flagsOf(options);
  if (endHeaders) flags |= Flag.endHeaders;
  if (dependsOn !== undefined) flags |= Flag.priority;
  return frame(FrameType.headers, flags, stream, padded(content, options.padding));
}

export function continuationFrame(stream: number, block: Buffer, endHeaders = true): Buffer {
  return frame(FrameType.continuation, endHeaders ? Flag.endHeaders : 0, stream, block);
}

/** A header block of any size: HEADERS and as many CONTINUATION as it takes. */
export function headersFrames(stream: number, block: Buffer, options: Omit<HeadersOptions, 'endHeaders'> = {}): Buffer {
  const roomSize = usualFrameSize - 6 - (options.padding ?? 0);
  const pieces = [
    headersFrame(stream, block.subarray(0, roomSize), { ...options, endHeaders: block.length <= roomSize }),
  ];
  for (let at = roomSize; at < block.length; at += usualFrameSize) {
    const end = at + usualFrameSize;
    pieces.push(continuationFrame(stream, block.subarray(at, end), end >= block.length));
  }
  return Buffer.concat(pieces);
}

export function priorityFrame(stream: number, dependsOn: number): Buffer {
  return frame(FrameType.priority, 0, stream, dependency(dependsOn));
}

export function rstStreamFrame(stream: number, error: ErrorName | number): Buffer {
  return frame(FrameType.rstStream, 0, stream, uint32(codeOf(error)));
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  }
  return frame(FrameType.settings, 0, 0, payload);
}

export const settingsAck = frame(FrameType.settings, Flag.ack, 0);

/** RFC 9113 §6.6. Only servers may send it. */
export function pushPromiseFrame(stream: number, promised: number, block: Buffer): Buffer {
  return frame(FrameType.pushPromise, Flag.endHeaders, stream, Buffer.concat([uint32(promised), block]));
}

export function pingFrame(payload: Buffer = Buffer.alloc(8), isAck = false): Buffer {
  return frame(FrameType.ping, isAck ? Flag.ack : 0, 0, payload);
}

export function goawayFrame(lastStream: number, error: ErrorName | number, debug = ''): Buffer {
  return frame(FrameType.goaway, 0, 0, Buffer.concat([uint32(lastStream), uint32(codeOf(error)), Buffer.from(debug)]));
}

export function windowUpdateFrame(stream: number, increment: number): Buffer {
  return frame(FrameType.windowUpdate, 0, stream, uint32(increment));
}

function codeOf(error: ErrorName | number): number {
  return typeof error === 'number' ? error : errorNames.indexOf(error);
}

function flagsOf({ endStream = false, padding }: BodyOptions): number {
  return (endStream ? Flag.endStream : 0) | (padding === undefined ? 0 : Flag.padded);
}

function padded(content: Buffer, padding: number | undefined): Buffer {
  return padding === undefined ? content : Buffer.concat([Buffer.of(padding), content, Buffer.alloc(padding)]);
}

function dependency(stream: number): Buffer {
  return Buffer.concat([uint32(stream), Buffer.of(15)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
