/**
 * OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), on node:http: answers and refusals are OTLP
 * messages in the encoding of the request, and bodies are measured while they arrive and while they inflate.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import { type Intake, type IntakeWay, MalformedTraces } from './intake.ts';
import { encodeAnswer, encodeRpcStatus } from './otlp.ts';
import type { OtlpServer } from './otlp-grpc-server.ts';

/** One body as it is sent, and as it is when inflated. */
const maxBodyBytes = 16 * 1024 * 1024;
/** All bodies that are on their way in; more are asked to come back later. */
const maxPendingBytes = 64 * 1024 * 1024;
const retryAfterSeconds = 1;
const drainMs = 2_000;
const path = '/v1/traces';
const inflate = promisify(gunzip);

type Refusal = {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** google.rpc.Code by HTTP status, as gRPC maps them. */
const rpcCodes: Readonly<Record<number, number>> = { 400: 3, 404: 12, 405: 12, 408: 4, 413: 8, 415: 3, 503: 14 };

/** Serves `POST /v1/traces`. Throws an Error that names the port when it is taken. */
export async function serveOtlpHttp(intake: Intake, at: Address): Promise<OtlpServer> {
  const pending = { bytes: 0 };
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 75_000 });
  server.on('request', (request, response) => {
    answer(intake, pending, request, response).catch((error) => {
      if (response.headersSent || response.destroyed) return response.destroy();
      refuse(response, 'json', { status: 500, message: `the collector failed: ${(error as Error).message}` });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, at, '--otlp-http')));
    server.listen(at.port, at.host, resolve);
  });
  return {
    address: { host: at.host, port: (server.address() as AddressInfo).port },
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), drainMs);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

type Encoding = 'protobuf' | 'json';

async function answer(
  intake: Intake,
  pending: { bytes: number },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const encoding = encodingOf(request.headers['content-type']);
  const refusal = refusalOfHead(request, encoding);
  if (refusal) return refuse(response, encoding ?? 'json', refusal);
  const way: IntakeWay = encoding === 'json' ? 'http-json' : 'http-protobuf';
  // An inflating body is charged for the most it may become, since nobody knows before.
  const isGzip = request.headers['content-encoding'] === 'gzip';
  const announced = Number(request.headers['content-length'] ?? maxBodyBytes);
  const reserved = isGzip ? announced + maxBodyBytes : announced;
  if (pending.bytes + reserved > maxPendingBytes) {
    intake.counts[way].overloaded++;
    const headers = { 'retry-after': String(retryAfterSeconds) };
    return refuse(response, encoding!, { status: 503, message: 'the collector is busy; try again later', headers });
  }
  pending.bytes += reserved;
  try {
    const sent = await readBody(request);
    if (!Buffer.isBuffer(sent)) return refuse(response, encoding!, sent);
    const body = isGzip ? await inflateBody(sent) : sent;
    if (!Buffer.isBuffer(body)) return refuse(response, encoding!, body);
    const { rejected, reason } = intake.receive(body, way);
    if (encoding === 'json') {
      const partial = { partialSuccess: { rejectedSpans: String(rejected), errorMessage: reason } };
      return send(response, 200, encoding, JSON.stringify(rejected === 0 ? {} : partial), {});
    }
    const partial = { partialSuccess: { rejectedSpans: rejected, errorMessage: reason } };
    send(response, 200, encoding!, encodeAnswer(rejected === 0 ? {} : partial), {});
  } catch (error) {
    if (!(error instanceof MalformedTraces)) throw error;
    refuse(response, encoding!, { status: 400, message: error.message });
  } finally {
    pending.bytes -= reserved;
  }
}

function encodingOf(contentType: string | undefined): Encoding | null {
  const media = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return media === 'application/x-protobuf' ? 'protobuf' : media === 'application/json' ? 'json' : null;
}

function refusalOfHead(request: IncomingMessage, encoding: Encoding | null): Refusal | null {
  if (request.url?.split('?', 1)[0] !== path)
    return { status: 404, message: `spans are sent to ${path}, nothing is at ${request.url}` };
  if (request.method !== 'POST')
    return { status: 405, message: `${path} takes POST, not ${request.method}`, headers: { allow: 'POST' } };
  if (!encoding) {
    const got = request.headers['content-type'];
    const message = `content-type must be application/x-protobuf or application/json; got ${got ? `"${got}"` : 'none'}`;
    return { status: 415, message };
  }
  const coding = request.headers['content-encoding'];
  if (coding !== undefined && coding !== 'gzip' && coding !== 'identity') {
    const message = `content-encoding must be gzip or identity; got "${coding}"`;
    return { status: 415, message, headers: { 'accept-encoding': 'gzip' } };
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge('the body');
  return null;
}

function tooLarge(what: string): Refusal {
  return { status: 413, message: `${what} is larger than ${maxBodyBytes} bytes; send smaller batches` };
}

/** Collects the body; stops at the bound, whatever the head announced. */
async function readBody(request: IncomingMessage): Promise<Buffer | Refusal> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBodyBytes) return tooLarge('the body');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks, size);
}

async function inflateBody(body: Buffer): Promise<Buffer | Refusal> {
  try {
    return await inflate(body, { maxOutputLength: maxBodyBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge('the inflated body');
    return { status: 400, message: `the body is not gzip: ${(error as Error).message}` };
  }
}

function refuse(response: ServerResponse, encoding: Encoding, { status, message, headers = {} }: Refusal): void {
  const rpcStatus = { code: rpcCodes[status] ?? 13, message };
  // Node reads and forgets what is left of the body (for as long as requestTimeout allows): closing instead would reset
  // the connection under a client that still sends, and it would never see this answer.
  send(
    response,
    status,
    encoding,
    encoding === 'json' ? JSON.stringify(rpcStatus) : encodeRpcStatus(rpcStatus),
    headers,
  );
}

function send(
  response: ServerResponse,
  status: number,
  encoding: Encoding,
  body: string | Buffer,
  headers: Readonly<Record<string, string>>,
): void {
  const contentType = encoding === 'json' ? 'application/json' : 'application/x-protobuf';
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}
