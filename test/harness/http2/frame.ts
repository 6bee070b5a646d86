/** Frames of RFC 9113 §4 and §6: names for their numbers, and what a frame is. */

export type Frame = {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
};

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** RFC 9113 §7; the place is the code. */
export const errorNames = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;
export type ErrorName = (typeof errorNames)[number];

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const headSize = 9;
/** SETTINGS_MAX_FRAME_SIZE and SETTINGS_INITIAL_WINDOW_SIZE while nobody has said otherwise. */
export const usualFrameSize = 16_384;
export const usualWindow = 65_535;

export function has(frame: Frame, flag: number): boolean {
  return (frame.flags & flag) !== 0;
}

/** The name of the code in a RST_STREAM or GOAWAY; a number that has none stays one. */
export function errorNameOf({ type, payload }: Frame): string {
  const code = payload.readUInt32BE(type === FrameType.goaway ? 4 : 0);
  return errorNames[code] ?? String(code);
}

/** The highest stream that the sender of a GOAWAY may have acted on. */
export function lastStreamOf({ payload }: Frame): number {
  return payload.readUInt32BE(0) & 0x7fffffff;
}

/** The identifiers and values of a SETTINGS frame, in order. */
export function settingsOf({ payload }: Frame): [id: number, value: number][] {
  return Array.from({ length: Math.floor(payload.length / 6) }, (_, i) => [
    payload.readUInt16BE(i * 6),
    payload.readUInt32BE(i * 6 + 2),
  ]);
}

/** A payload without padding and, in HEADERS, without the old priority fields (§6.1, §6.2). */
export function contentOf(frame: Frame): Buffer {
  const { payload } = frame;
  const padding = has(frame, Flag.padded) ? (payload[0] ?? 0) : 0;
  let start = has(frame, Flag.padded) ? 1 : 0;
  if (frame.type === FrameType.headers && has(frame, Flag.priority)) start += 5;
  if (frame.type === FrameType.pushPromise) start += 4;
  if (start + padding > payload.length) throw new Error('padding that is longer than its frame');
  return payload.subarray(start, payload.length - padding);
}
