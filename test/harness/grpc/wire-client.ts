import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Owner } from '../owner.ts';
import { until } from '../until.ts';
import { type Fields, fieldOf, fieldsOf } from './fields.ts';
import { frameOf, type Message, MessageReader } from './messages.ts';

export type CallOptions = {
  /** Added to what every request of gRPC has, or instead of it. */
  readonly fields?: OutgoingHttpHeaders;
  /** Sent at once, and then the end of the request; without it the request stays open. */
  readonly message?: Buffer;
};

/** How a call ended. */
export type CallEnd = {
  /** The first HEADERS; null when none came. */
  readonly head: Fields | null;
  /** The HEADERS after the messages, or the first ones when they ended the stream; null when the reply was cut off. */
  readonly trailers: Fields | null;
  /** One HEADERS frame was all there was. */
  readonly isTrailersOnly: boolean;
  readonly messages: readonly Message[];
  /** `grpc-status` of the trailers; null when they have none. */
  readonly status: number | null;
  /** `grpc-message`, decoded. */
  readonly text: string;
  /** Error code of the RST_STREAM that ended it, or 0. */
  readonly resetCode: number;
};

/** A client of gRPC that shows what is on the wire: heads, flags of messages, trailers, resets. */
export class WireClient {
  readonly session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.session = session;
  }

  call(path: string, { fields = {}, message }: CallOptions = {}): WireCall {
    const head: OutgoingHttpHeaders = {
      ':method': 'POST',
      ':path': path,
      ':scheme': 'http',
      ':authority': 'app',
      te: 'trailers',
      'content-type': 'application/grpc',
      ...fields,
    };
    const call = new WireCall(this.session.request(head));
    if (message) call.end(message);
    return call;
  }

  /** One message there, and how it ended. */
  ask(path: string, options: CallOptions = {}): Promise<CallEnd> {
    return this.call(path, { message: Buffer.from('question'), ...options }).ended;
  }
}

export class WireCall {
  readonly stream: ClientHttp2Stream;
  readonly messages: Message[] = [];
  /** The reply's first HEADERS; null before they come. */
  head: Fields | null = null;
  /** Resolves when the stream is closed, however that came. */
  readonly ended: Promise<CallEnd>;
  #trailers: Fields | null = null;
  #isTrailersOnly = false;
  readonly #reader = new MessageReader();

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on('response', (_, flags, flat) => {
      this.head = fieldsOf(flat as unknown as string[]);
      this.#isTrailersOnly = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    });
    stream.on('trailers', (_, __, flat) => {
      this.#trailers = fieldsOf(flat as unknown as string[]);
    });
    stream.on('data', (bytes: Buffer) => this.messages.push(...this.#reader.take(bytes)));
    stream.on('error', () => undefined); // the reset is told by its code
    this.ended = new Promise((resolve) => stream.on('close', () => resolve(this.#end())));
  }

  send(bytes: Buffer): void {
    this.stream.write(frameOf(bytes));
  }

  /** Ends the request, perhaps after one more message. */
  end(bytes?: Buffer): void {
    if (bytes === undefined) this.stream.end();
    else this.stream.end(frameOf(bytes));
  }

  cancel(): void {
    this.stream.close(constants.NGHTTP2_CANCEL);
  }

  /** Waits until so many messages are there. */
  received(count: number): Promise<unknown> {
    return until(() => this.messages.length >= count, { everyMs: 5, what: `message ${count}` });
  }

  #end(): CallEnd {
    const trailers = this.#isTrailersOnly ? this.head : this.#trailers;
    const status = trailers && fieldOf(trailers, 'grpc-status');
    return {
      head: this.head,
      trailers,
      isTrailersOnly: this.#isTrailersOnly,
      messages: this.messages,
      status: status === null || status === undefined ? null : Number(status),
      text: decodeURIComponent((trailers && fieldOf(trailers, 'grpc-message')) ?? ''),
      resetCode: this.stream.rstCode ?? 0,
    };
  }
}

/** Connects to a port of this machine, with prior knowledge (RFC 9113 §3.3); the connection ends with its owner. */
export async function wireClient(t: Owner, port: number): Promise<WireClient> {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined); // tests cut connections; what becomes of the calls is what they look at
  t.teardown(() => session.destroy());
  await once(session, 'connect');
  return new WireClient(session);
}
