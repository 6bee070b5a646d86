import { once } from 'node:events';
import { connect } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Owner } from '../owner.ts';
import { FrameType, preface, settingsOf } from './frame.ts';
import { FrameConnection, type Habits } from './frame-connection.ts';
import { dataFrame, headersFrames, settingsFrame } from './frame-writer.ts';
import { headerBlock } from './hpack/encode.ts';
import type { Field } from './hpack/field.ts';
import { type StreamReply, streamReply } from './stream-reply.ts';

export type FrameClientOptions = Habits & {
  /** Said in the first SETTINGS frame. */
  readonly settings?: readonly (readonly [id: number, value: number])[];
  /** False: not even the preface is sent by itself. */
  readonly greets?: boolean;
  /** TLS with h2 by ALPN. */
  readonly tls?: ConnectionOptions;
};

export type RequestOptions = { readonly body?: Buffer | string; readonly trailers?: readonly Field[] };

/** A caller that says exactly the frames it is told to. It sends without regard to the windows it was given. */
export class FrameClient extends FrameConnection {
  #nextStream = 1;

  /** Takes the number of the next stream. */
  nextStream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  /** Sends a whole request and gives the number of its stream. */
  request(fields: readonly Field[], { body, trailers }: RequestOptions = {}): number {
    const stream = this.nextStream();
    const isHeadAll = body === undefined && trailers === undefined;
    const frames = [headersFrames(stream, headerBlock(fields), { endStream: isHeadAll })];
    if (body !== undefined) frames.push(dataFrame(stream, body, { endStream: trailers === undefined }));
    if (trailers !== undefined) frames.push(headersFrames(stream, headerBlock(trailers), { endStream: true }));
    this.send(...frames);
    return stream;
  }

  /** Waits until a request is over in one way or another. */
  reply(stream: number, timeoutMs?: number): Promise<StreamReply> {
    const find = () => streamReply(this.frames, stream, this.isClosed || this.hasEnded);
    return this.until(find, `the end of stream ${stream}`, timeoutMs);
  }

  /** What the server announced in its first SETTINGS frame. */
  async serverSettings(): Promise<ReadonlyMap<number, number>> {
    return new Map(settingsOf(await this.frame(FrameType.settings)));
  }
}

/** Connects to a port of this machine; the connection ends with its owner. */
export async function frameClient(t: Owner, port: number, options: FrameClientOptions = {}): Promise<FrameClient> {
  const { settings = [], greets = true, tls } = options;
  const at = { port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true };
  const socket = tls === undefined ? connect(at) : connectTls({ ...at, ALPNProtocols: ['h2'], ...tls });
  const client = new FrameClient(socket, options);
  t.teardown(() => socket.destroy());
  await once(socket, tls === undefined ? 'connect' : 'secureConnect');
  if (greets) client.send(preface, settingsFrame(settings));
  return client;
}

/** The fields of a request in the shortest form that is valid. */
export function requestFields(method: string, path = '/', authority = 'app', more: readonly Field[] = []): Field[] {
  return [[':method', method], [':scheme', 'http'], [':authority', authority], [':path', path], ...more];
}
