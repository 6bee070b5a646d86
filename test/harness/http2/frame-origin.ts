import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Owner } from '../owner.ts';
import { contentOf, errorNameOf, Flag, type Frame, FrameType, has, preface, usualFrameSize } from './frame.ts';
import { FrameConnection, type Habits, type ReceivedFrame } from './frame-connection.ts';
import { dataFrame, headersFrames, settingsFrame } from './frame-writer.ts';
import { headerBlock } from './hpack/encode.ts';
import type { Field } from './hpack/field.ts';

/** A request as the origin gets it; it grows as frames come. */
export type OriginStream = {
  readonly stream: number;
  readonly fields: readonly Field[];
  body: Buffer;
  trailers: readonly Field[];
  /** The caller has said all. */
  hasEnded: boolean;
  /** The name of the error in the caller's RST_STREAM. */
  resetBy: string | null;
  /** Place among all requests of this origin, from 0. */
  readonly index: number;
  readonly connection: OriginConnection;
  /** Value of a field, pseudo ones as well. */
  header(name: string): string | undefined;
};

/** Frames to answer with, or nothing when the script has sent them itself (or stays silent). */
export type FrameAnswer = Buffer | undefined | Promise<Buffer | undefined>;
export type OriginScript = (request: OriginStream) => FrameAnswer;

export type FrameOriginOptions = Habits & {
  /** When the script is called: with the whole request, or as soon as its head is there. */
  readonly at?: 'whole' | 'head';
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** False: the SETTINGS of a server are not sent by themselves. */
  readonly greets?: boolean;
  /** Is called when the caller's preface has come, before any of its frames is looked at. */
  readonly onConnection?: (connection: OriginConnection) => void;
};

export type FrameOrigin = {
  readonly port: number;
  readonly requests: readonly OriginStream[];
  readonly connections: readonly OriginConnection[];
  /** Refuses connections from now on and breaks those that are open. */
  stop(): Promise<void>;
};

export class OriginConnection extends FrameConnection {
  /** Place among the connections of this origin, from 0. */
  readonly index: number;
  readonly #onStart: (connection: OriginConnection) => void;
  readonly #onFrameCame: (connection: OriginConnection, frame: ReceivedFrame) => void;
  #greeting: Buffer = Buffer.alloc(0);
  #hasStarted = false;

  constructor(
    socket: Socket,
    index: number,
    habits: Habits,
    onStart: (connection: OriginConnection) => void,
    onFrame: (connection: OriginConnection, frame: ReceivedFrame) => void,
  ) {
    super(socket, habits);
    this.index = index;
    this.#onStart = onStart;
    this.#onFrameCame = onFrame;
  }

  protected override readFrames(bytes: Buffer): Frame[] {
    if (this.#hasStarted) return super.readFrames(bytes);
    this.#greeting = Buffer.concat([this.#greeting, bytes]);
    if (this.#greeting.length < preface.length) return [];
    if (!this.#greeting.subarray(0, preface.length).equals(preface)) throw new Error('no preface of HTTP/2');
    this.#hasStarted = true;
    this.#onStart(this);
    return super.readFrames(this.#greeting.subarray(preface.length));
  }

  protected override onFrame(frame: ReceivedFrame): void {
    this.#onFrameCame(this, frame);
  }
}

/** A server of HTTP/2 by prior knowledge whose replies are frames. */
export async function frameOrigin(
  t: Owner,
  script: OriginScript,
  options: FrameOriginOptions = {},
): Promise<FrameOrigin> {
  const { at = 'whole', settings = [], greets = true, onConnection } = options;
  const requests: OriginStream[] = [];
  const connections: OriginConnection[] = [];
  const start = (connection: OriginConnection) => {
    if (greets) connection.send(settingsFrame(settings));
    onConnection?.(connection);
  };
  const take = (connection: OriginConnection, frame: ReceivedFrame) => {
    const known = requests.findLast((one) => one.connection === connection && one.stream === frame.stream);
    if (known !== undefined) grow(known, frame);
    const request = known ?? openStream(connection, frame, requests);
    if (request === null) return;
    const isDue = at === 'head' ? known === undefined : request.hasEnded && has(frame, Flag.endStream);
    if (isDue) void answer(request, script);
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    connections.push(new OriginConnection(socket, connections.length, options, start, take));
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    for (const { socket } of connections) socket.destroy();
    await once(server, 'close');
  };
  t.teardown(stop);
  return { port: (server.address() as AddressInfo).port, requests, connections, stop };
}

function openStream(connection: OriginConnection, frame: ReceivedFrame, requests: OriginStream[]): OriginStream | null {
  const { type, stream, fields } = frame;
  if (type !== FrameType.headers || fields === null) return null;
  const request: OriginStream = {
    stream,
    fields,
    body: Buffer.alloc(0),
    trailers: [],
    hasEnded: has(frame, Flag.endStream),
    resetBy: null,
    index: requests.length,
    connection,
    header: (name) => fields.find(([one]) => one === name)?.[1],
  };
  requests.push(request);
  return request;
}

function grow(request: OriginStream, frame: ReceivedFrame): void {
  if (frame.type === FrameType.rstStream) request.resetBy = errorNameOf(frame);
  if (frame.type === FrameType.data) request.body = Buffer.concat([request.body, contentOf(frame)]);
  if (frame.type === FrameType.headers) request.trailers = frame.fields ?? [];
  const mayEnd = frame.type === FrameType.data || frame.type === FrameType.headers;
  if (mayEnd && has(frame, Flag.endStream)) request.hasEnded = true;
}

async function answer(request: OriginStream, script: OriginScript): Promise<void> {
  const frames = await script(request);
  if (frames !== undefined && !request.connection.socket.destroyed) request.connection.send(frames);
}

export type ReplyContent = {
  readonly status?: number;
  readonly fields?: readonly Field[];
  readonly body?: Buffer | string;
  readonly trailers?: readonly Field[];
};

/** The frames of a whole reply, of a size that the usual window has room for. */
export function replyFrames(
  stream: number,
  { status = 200, fields = [], body = '', trailers }: ReplyContent = {},
): Buffer {
  const content = typeof body === 'string' ? Buffer.from(body, 'latin1') : body;
  const head = headerBlock([[':status', String(status)], ...fields]);
  const frames = [headersFrames(stream, head, { endStream: content.length === 0 && trailers === undefined })];
  for (let from = 0; from < content.length; from += usualFrameSize) {
    const isLast = from + usualFrameSize >= content.length;
    const piece = content.subarray(from, from + usualFrameSize);
    frames.push(dataFrame(stream, piece, { endStream: isLast && trailers === undefined }));
  }
  if (trailers !== undefined) frames.push(headersFrames(stream, headerBlock(trailers), { endStream: true }));
  return Buffer.concat(frames);
}
