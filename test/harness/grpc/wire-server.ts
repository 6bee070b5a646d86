import { once } from 'node:events';
import {
  constants,
  createServer,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Owner } from '../owner.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { frameOf, type Message, MessageReader } from './messages.ts';

/** A call as the server got it, and the means to answer it in pieces of the wire. */
export class ServedCall {
  readonly stream: ServerHttp2Stream;
  /** The connection it came on. */
  readonly session: ServerHttp2Session;
  readonly path: string;
  readonly fields: Fields;
  /** Place among all calls of this server, from 0. */
  readonly index: number;
  /** Messages that came so far. */
  readonly messages: Message[] = [];
  /** Error code of the RST_STREAM that came from the caller; null while there is none. */
  resetCode: number | null = null;
  readonly #reader = new MessageReader();
  #trailers: OutgoingHttpHeaders = {};

  constructor(stream: ServerHttp2Stream, fields: Fields, index: number) {
    this.stream = stream;
    this.session = stream.session as ServerHttp2Session;
    this.fields = fields;
    this.index = index;
    this.path = fields.get(':path')![0]!;
    stream.on('data', (bytes: Buffer) => this.messages.push(...this.#reader.take(bytes)));
    stream.on('aborted', () => {
      this.resetCode = stream.rstCode ?? 0;
    });
    stream.on('error', () => undefined); // calls are broken off on purpose
    stream.on('wantTrailers', () => stream.sendTrailers(this.#trailers));
  }

  /** Sends the reply's first HEADERS. */
  head(more: OutgoingHttpHeaders = {}): void {
    this.stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...more }, { waitForTrailers: true });
  }

  /** False when the caller is slow; `drain` of the stream tells when it may go on. */
  send(bytes: Buffer, flags = 0): boolean {
    return this.stream.write(frameOf(bytes, flags));
  }

  /** Ends the call: with trailers, or with one HEADERS frame for all when no head was sent. */
  end(status: number, more: OutgoingHttpHeaders = {}): void {
    this.#trailers = { 'grpc-status': String(status), ...more };
    if (this.stream.headersSent) this.stream.end();
    else {
      const head = { ':status': 200, 'content-type': 'application/grpc', ...this.#trailers };
      this.stream.respond(head, { endStream: true });
    }
  }

  /** The usual reply: a head, one message, status 0. */
  answer(bytes: Buffer, more: OutgoingHttpHeaders = {}): void {
    this.head(more);
    this.send(bytes);
    this.end(0);
  }

  /** Sends RST_STREAM with one of `constants.NGHTTP2_...`. */
  reset(code: number = constants.NGHTTP2_CANCEL): void {
    this.stream.close(code);
  }
}

export type WireServer = {
  readonly port: number;
  readonly calls: readonly ServedCall[];
  /** Breaks its connections and takes no more. */
  stop(): Promise<void>;
};

/**
 * A server of gRPC that answers as `script` says. It is called for each whole request; with `at: 'head'` as soon as the
 * head is there.
 */
export async function wireServer(
  t: Owner,
  script: (call: ServedCall) => unknown,
  { at = 'whole' }: { at?: 'whole' | 'head' } = {},
): Promise<WireServer> {
  const calls: ServedCall[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined); // tests break connections on purpose
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream: ServerHttp2Stream, _, __, flat) => {
    const call = new ServedCall(stream, fieldsOf(flat as unknown as string[]), calls.length);
    calls.push(call);
    if (at === 'head') script(call);
    else stream.on('end', () => script(call));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    for (const session of sessions) session.destroy();
    await once(server, 'close');
  };
  t.teardown(stop);
  return { port: (server.address() as AddressInfo).port, calls, stop };
}
