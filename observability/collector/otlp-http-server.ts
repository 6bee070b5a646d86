/**
 * OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), on node:http: answers and refusals are OTLP
 * messages in the encoding of the request, and bodies are measured while they arrive and while they inflate.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGunzip, type Gunzip } from 'node:zlib';
import { type Address, listenError } from '../../shared/discovery/address.ts';
import { type Intake, type IntakeWay, MalformedTraces } from './intake.ts';
import { encodeAnswer, encodeRpcStatus } from './otlp.ts';
import type { OtlpServer } from './otlp-grpc-server.ts';

/** One body as it is sent, and as it is when inflated. */
const maxBodyBytes = 16 * 1024 * 1024;
/** All bodies that are on their way in; more are asked to come back later. */
const maxPendingBytes = 64 * 1024 * 1024;
const drainMs = 2_000;
const path = '/v1/traces';

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
  const charge = { bytes: 0 };
  try {
    const body = await readBody(request, pending, charge);
    if (!Buffer.isBuffer(body)) {
      if (body.status === 503) intake.counts[way].overloaded++;
      return refuse(response, encoding!, body);
    }
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
    pending.bytes -= charge.bytes;
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
  const coding = codingOf(request);
  if (coding !== 'gzip' && coding !== 'identity') {
    const message = `content-encoding must be gzip or identity; got "${coding}"`;
    return { status: 415, message, headers: { 'accept-encoding': 'gzip' } };
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge('the body');
  return null;
}

function codingOf(request: IncomingMessage): string {
  return request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
}

const busy: Refusal = {
  status: 503,
  message: 'too much is on its way in; try again later',
  headers: { 'retry-after': '1' },
};

function tooLarge(what: string): Refusal {
  return { status: 413, message: `${what} is larger than ${maxBodyBytes} bytes; send smaller batches` };
}

/**
 * Collects the body, inflated when it is gzip; stops at the bound, whatever the head announced. What it holds is charged
 * to `pending` through `charge`, which the caller gives back.
 */
async function readBody(
  request: IncomingMessage,
  pending: { bytes: number },
  charge: { bytes: number },
): Promise<Buffer | Refusal> {
  const isGzip = codingOf(request) === 'gzip';
  const source = isGzip ? inflate(request) : request;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of source.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk as Buffer);
      charge.bytes += (chunk as Buffer).length;
      pending.bytes += (chunk as Buffer).length;
      if (charge.bytes > maxBodyBytes) return tooLarge(isGzip ? 'the inflated body' : 'the body');
      if (pending.bytes > maxPendingBytes) return busy;
    }
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error;
    return { status: 400, message: `the body is not gzip: ${(error as Error).message}` };
  } finally {
    if (source !== request) {
      request.unpipe();
      source.destroy();
    }
  }
  return Buffer.concat(chunks, charge.bytes);
}

/** Not `pipeline`: that would close the connection with the inflater, before the refusal is written. */
function inflate(request: IncomingMessage): Gunzip {
  const gunzip = createGunzip();
  request.once('error', (error) => gunzip.destroy(error));
  return request.pipe(gunzip);
}

function refuse(response: ServerResponse, encoding: Encoding, { status, message, headers = {} }: Refusal): void {
  const rpcStatus = { code: rpcCodes[status] ?? 13, message };
  // What is left of the body is read and forgotten (for as long as requestTimeout allows): closing instead would reset
  // the connection under a client that still sends, and it would never see this answer.
  response.req.resume();
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
