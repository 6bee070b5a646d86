/**
 * OTLP over gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md), on node:http2. A gRPC library gathers
 * each message out of sight, so that what half-sent messages hold could be neither counted nor refused; the one unary
 * method of TraceService is little more than the counting.
 */
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import { grpc } from '../../shared/grpc/grpc.ts';
import { GrpcMessage } from './grpc-message.ts';
import { type Intake, MalformedTraces } from './intake.ts';
import { encodeAnswer } from './otlp.ts';

export type OtlpGrpcOptions = {
  /** How long one message may take to arrive, in milliseconds. */
  readonly messageTimeoutMs?: number;
  /** All messages that are on their way in; more are asked to come back later. */
  readonly maxPendingBytes?: number;
  /** More connections are closed as they come. */
  readonly maxConnections?: number;
};

/** What every way in is to whoever started it. */
export type OtlpServer = { readonly address: Address; close(): Promise<void> };

const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const maxConcurrentStreams = 16;
/** A connection without calls for so long is asked to go; its peer may have vanished without a word. */
const idleMs = 300_000;
const drainMs = 2_000;
/** How long a refused sender has to read the refusal before its stream is reset. */
const lastWordMs = 1_000;

/** Serves TraceService/Export. Throws an Error that names the port when it is taken. */
export async function serveOtlpGrpc(intake: Intake, at: Address, options: OtlpGrpcOptions = {}): Promise<OtlpServer> {
  const { messageTimeoutMs = 10_000, maxPendingBytes = 64 * 1024 * 1024, maxConnections = 1_024 } = options;
  const server = createServer({ settings: { maxConcurrentStreams, enablePush: false } });
  server.maxConnections = maxConnections;
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.setTimeout(idleMs, () => session.close());
    session.on('error', () => session.destroy()); // a peer that breaks HTTP/2 harms itself alone
  });
  const pending = { bytes: 0, mostBytes: maxPendingBytes };
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => stream.destroy()); // likewise: the sender went away
    const message = new GrpcMessage(pending, headers['grpc-encoding']);
    const late = setTimeout(() => {
      message.drop();
      refuse(stream, [grpc.status.DEADLINE_EXCEEDED, `the message took longer than ${messageTimeoutMs} ms to arrive`]);
      last = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), lastWordMs);
    }, messageTimeoutMs);
    let last: NodeJS.Timeout | undefined;
    stream.once('close', () => {
      clearTimeout(late);
      clearTimeout(last);
      message.drop();
    });
    const refusal = refusalOfHead(headers);
    if (refusal) refuse(stream, refusal);
    // What comes after a refusal is read and forgotten, for as long as a message may take: a reset that follows at once
    // would reach the sender before the refusal does.
    stream.on('data', (chunk: Buffer) => {
      const problem = stream.headersSent ? null : message.add(chunk);
      if (!problem) return;
      if (problem[0] === grpc.status.UNAVAILABLE) intake.counts.grpc.overloaded++;
      message.drop();
      refuse(stream, problem);
    });
    stream.once('end', () => {
      clearTimeout(late);
      if (stream.headersSent || stream.closed || stream.destroyed) return;
      answer(stream, message, intake);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, at, '--otlp-grpc')));
    server.listen(at.port, at.host, resolve);
  });
  return {
    address: { host: at.host, port: (server.address() as AddressInfo).port },
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const session of sessions) session.destroy();
        }, drainMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        for (const session of sessions) session.close();
      }),
  };
}

/** A status that is not OK, and what to do about it. */
export type RpcRefusal = readonly [code: grpc.status, message: string];

function refusalOfHead(headers: IncomingHttpHeaders): RpcRefusal | null {
  if (headers[':path'] !== path || headers[':method'] !== 'POST')
    return [grpc.status.UNIMPLEMENTED, `spans are sent to ${path}, nothing is at ${headers[':path']}`];
  if (!headers['content-type']?.startsWith('application/grpc'))
    return [grpc.status.INTERNAL, `content-type must be application/grpc; got "${headers['content-type'] ?? ''}"`];
  return null;
}

function answer(stream: ServerHttp2Stream, message: GrpcMessage, intake: Intake): void {
  try {
    const body = message.read();
    if (!Buffer.isBuffer(body)) return refuse(stream, body);
    const { rejected, reason } = intake.receive(body, 'grpc');
    const partial = { partialSuccess: { rejectedSpans: rejected, errorMessage: reason } };
    reply(stream, encodeAnswer(rejected === 0 ? {} : partial));
  } catch (error) {
    const code = error instanceof MalformedTraces ? grpc.status.INVALID_ARGUMENT : grpc.status.INTERNAL;
    refuse(stream, [code, (error as Error).message]);
  } finally {
    message.drop();
  }
}

const head = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity,gzip,deflate',
} as const;

function reply(stream: ServerHttp2Stream, body: Buffer): void {
  stream.respond(head, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const framed = Buffer.alloc(5 + body.length);
  framed.writeUInt32BE(body.length, 1);
  body.copy(framed, 5);
  stream.end(framed);
}

/** Answers in trailers alone. */
function refuse(stream: ServerHttp2Stream, [code, message]: RpcRefusal): void {
  if (stream.headersSent || stream.closed || stream.destroyed) return;
  const words = encodeURIComponent(message.slice(0, 1024).toWellFormed());
  stream.respond({ ...head, 'grpc-status': String(code), 'grpc-message': words }, { endStream: true });
}
