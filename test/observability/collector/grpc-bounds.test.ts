import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import t from 'tap';
import { Intake } from '../../../observability/collector/intake.ts';
import { encodeTraces } from '../../../observability/collector/otlp.ts';
import { type OtlpGrpcOptions, serveOtlpGrpc } from '../../../observability/collector/otlp-grpc-server.ts';
import { TraceStore } from '../../../observability/collector/trace-store.ts';
import { grpc } from '../../../shared/grpc/grpc.ts';
import type { Owner } from '../../harness/owner.ts';
import { until } from '../../harness/until.ts';
import { tracesOf, urlOf } from './spans.ts';

const MiB = 1024 * 1024;
const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const sample = encodeTraces(tracesOf('cart', {}));

async function serve(t: Owner, options: OtlpGrpcOptions = {}) {
  const intake = new Intake(new TraceStore(), null);
  const server = await serveOtlpGrpc(intake, { host: '127.0.0.1', port: 0 }, options);
  t.teardown(server.close);
  const open = (): ClientHttp2Session => {
    // Node refuses answers to a session that has more than this (in MB) to send.
    const session = connect(urlOf(server.address), { maxSessionMemory: 64 }).on('error', () => undefined);
    t.teardown(() => session.destroy());
    return session;
  };
  return { intake, open };
}

function call(session: ClientHttp2Session, headers: IncomingHttpHeaders = {}): ClientHttp2Stream {
  const usual = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  return session.request({ ...usual, ...headers }, { endStream: false }).on('error', () => undefined);
}

function framed(body: Buffer, announcedBytes = body.length, flag = 0): Buffer {
  const bytes = Buffer.alloc(5 + body.length, body);
  bytes[0] = flag;
  bytes.writeUInt32BE(announcedBytes, 1);
  body.copy(bytes, 5);
  return bytes;
}

/** The status of the call, wherever it stands. */
function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    const look = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) resolve(Number(headers['grpc-status']));
    };
    stream.on('response', look).on('trailers', look).resume();
    stream.once('close', () => reject(new Error(`closed with ${stream.rstCode} and no status`)));
  });
}

function send(session: ClientHttp2Session, bytes: Buffer, headers?: IncomingHttpHeaders): Promise<number> {
  const stream = call(session, headers);
  const status = statusOf(stream);
  stream.end(bytes);
  return status;
}

t.test('takes one message of up to 4 MiB, and says so to a larger one before it has come', async (t) => {
  const { open, intake } = await serve(t);
  const session = open();
  t.equal(await send(session, framed(sample)), grpc.status.OK);
  const filled = tracesOf('cart', { attributes: { long: '' } });
  const room = 4 * MiB - encodeTraces(filled).length;
  const large = encodeTraces(tracesOf('cart', { attributes: { long: 'x'.repeat(room - 64) } }));
  t.ok(large.length > 4 * MiB - 256 && large.length <= 4 * MiB);
  t.equal(await send(session, framed(large)), grpc.status.OK);
  const stream = call(session);
  const status = statusOf(stream);
  stream.write(framed(Buffer.alloc(1), 4 * MiB + 1));
  t.equal(await status, grpc.status.RESOURCE_EXHAUSTED);
  t.equal(intake.counts.grpc.spans, 2);
});

t.test('refuses what is no call of TraceService, or not one message', async (t) => {
  const { open } = await serve(t);
  const session = open();
  const { UNIMPLEMENTED, INTERNAL } = grpc.status;
  t.equal(await send(session, framed(sample), { ':path': '/other.Service/Export' }), UNIMPLEMENTED);
  t.equal(await send(session, framed(sample), { 'content-type': 'text/plain' }), INTERNAL);
  t.equal(await send(session, framed(sample, sample.length, 1), { 'grpc-encoding': 'odd' }), UNIMPLEMENTED);
  t.equal(await send(session, framed(sample, sample.length, 1), { 'grpc-encoding': 'gzip' }), INTERNAL, 'not gzip');
  t.equal(await send(session, Buffer.alloc(0)), INTERNAL);
  t.equal(await send(session, framed(sample, sample.length - 1)), INTERNAL);
  t.equal(await send(session, Buffer.concat([framed(sample), framed(sample)])), INTERNAL);
  t.equal(await send(session, framed(sample)), grpc.status.OK);
});

t.test('half-sent messages hold no more than they may together, and give it back', async (t) => {
  const { open, intake } = await serve(t, { maxPendingBytes: 8 * MiB });
  const sessions = [open(), open()];
  const statuses: number[] = [];
  const streams = sessions.flatMap((session) =>
    Array.from({ length: 8 }, () => {
      const stream = call(session);
      statusOf(stream).then(
        (status) => statuses.push(status),
        () => undefined, // those that were taken end with their connection
      );
      stream.write(framed(Buffer.alloc(2 * MiB), 4 * MiB));
      return stream;
    }),
  );
  await until(() => streams.every(({ writableLength }) => writableLength === 0), { what: 'all to be sent' });
  await until(() => statuses.length >= 12, { what: '12 refusals' });
  t.strictSame([...new Set(statuses)], [grpc.status.UNAVAILABLE]);
  t.equal(intake.counts.grpc.overloaded, statuses.length);
  for (const session of sessions) session.destroy();
  const session = open();
  await until(async () => (await send(session, framed(sample))) === grpc.status.OK);
});

t.test('a message that does not arrive in time is refused, and its stream ends', async (t) => {
  const { open } = await serve(t, { messageTimeoutMs: 50 });
  const stream = call(open());
  const status = statusOf(stream);
  stream.write(framed(sample).subarray(0, 9));
  t.equal(await status, grpc.status.DEADLINE_EXCEEDED);
  if (!stream.closed) await once(stream, 'close');
});

t.test('a connection has 16 calls at once, and only so many connections are taken', async (t) => {
  const { open } = await serve(t, { maxConnections: 2 });
  const sessions = [open(), open()];
  for (const session of sessions) {
    if (!session.remoteSettings) await once(session, 'remoteSettings');
    await until(() => session.remoteSettings.maxConcurrentStreams === 16, { what: 'the limit of calls' });
  }
  const third = open();
  await once(third, 'close');
  t.equal(await send(sessions[0]!, framed(sample)), grpc.status.OK);
  sessions[0]!.destroy();
  await until(async () => (await send(open(), framed(sample)).catch(() => -1)) === grpc.status.OK, {
    what: 'a place for another connection',
  });
});

t.test('ends though a message is half-sent', async (t) => {
  const intake = new Intake(new TraceStore(), null);
  const server = await serveOtlpGrpc(intake, { host: '127.0.0.1', port: 0 });
  const session = connect(urlOf(server.address)).on('error', () => undefined);
  t.teardown(() => session.destroy());
  call(session).write(framed(sample).subarray(0, 9));
  await once(session, 'remoteSettings');
  const beganMs = performance.now();
  await server.close();
  t.ok(performance.now() - beganMs < 4_000);
});
