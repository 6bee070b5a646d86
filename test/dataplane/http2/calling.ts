import { once } from 'node:events';
import {
  type Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { type ClientHttp2Session, connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { AnyResource } from '../../../shared/resources/schema.ts';
import type { Owner } from '../../harness/owner.ts';
import { instance, service } from '../harness/resources.ts';

/** Stock clients and servers of either protocol, asked and answering in one way. */

export type Protocol = 'http1' | 'http2';
/** What a caller speaks, and what its instance does. */
export type Pair = readonly [caller: Protocol, origin: Protocol];

/** All pairs but the one without HTTP/2, which has tests of its own. */
export const pairs: readonly Pair[] = [
  ['http1', 'http2'],
  ['http2', 'http1'],
  ['http2', 'http2'],
];

const mostHeadBytes = 100_000;

export type Handler = (request: IncomingMessage, reply: ServerResponse) => unknown;

/** A stock server of this protocol; resolves with its port. */
export async function originOf(t: Owner, protocol: Protocol, handler: Handler): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  const server =
    protocol === 'http1'
      ? createServer({ maxHeaderSize: mostHeadBytes }, handler)
      : (createHttp2Server({ settings: { maxHeaderListSize: mostHeadBytes } }, handler as never) as unknown as Server);
  server.on('checkContinue', handler);
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The service `app` with instances that speak this protocol. */
export function speaking(protocol: Protocol, ...ports: readonly number[]): AnyResource[] {
  return [service('app'), ...ports.map((port, i) => instance(`app-${i}`, 'app', port, { protocol }))];
}

export type Call = {
  readonly method?: string;
  readonly path?: string;
  readonly fields?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Buffer | Readable;
  readonly trailers?: Readonly<Record<string, string>>;
};

export type Answer = {
  readonly status: number;
  readonly fields: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: NodeJS.Dict<string | string[]>;
  /** Statuses of the interim replies. */
  readonly interim: readonly number[];
};

/** Calls `app` through a proxy at this port, each time on the same connection for HTTP/2. */
export type Caller = (call: Call) => Promise<Answer>;

/** `agent` keeps connections of HTTP/1.1; without it each call has one of its own. */
export function callerOf(t: Owner, protocol: Protocol, port: number, agent: Agent | false = false): Caller {
  if (protocol === 'http1') return (call) => callHttp1(port, agent, call);
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined); // what becomes of the calls is what tests look at
  t.teardown(() => session.destroy());
  return (call) => callHttp2(session, call);
}

async function callHttp1(
  port: number,
  agent: Agent | false,
  { method = 'GET', path = '/', fields = {}, body, trailers }: Call,
): Promise<Answer> {
  const headers = { host: 'app', ...fields } as Record<string, string>;
  const to = { port, host: '127.0.0.1', agent, maxHeaderSize: mostHeadBytes };
  const call = request({ ...to, method, path, headers });
  const interim: number[] = [];
  call.on('information', ({ statusCode }) => interim.push(statusCode));
  if (headers['expect'] !== undefined) {
    call.flushHeaders();
    await once(call, 'continue');
    interim.push(100);
  }
  const answered = once(call, 'response') as Promise<[IncomingMessage]>;
  if (trailers !== undefined) call.addTrailers(trailers);
  send(call, body);
  const [reply] = await answered;
  const received = await buffer(reply);
  return { status: reply.statusCode!, fields: reply.headers, body: received, trailers: reply.trailers, interim };
}

async function callHttp2(
  session: ClientHttp2Session,
  { method = 'GET', path = '/', fields = {}, body, trailers }: Call,
): Promise<Answer> {
  const head = { ':method': method, ':path': path, ':authority': 'app', ...fields };
  const call = session.request(head as Record<string, string>, {
    endStream: body === undefined && trailers === undefined,
    waitForTrailers: trailers !== undefined,
  });
  const interim: number[] = [];
  let last: IncomingHttpHeaders = {};
  let ending: IncomingHttpHeaders = {};
  call.on('headers', (headers) => interim.push(headers[':status']!));
  call.on('trailers', (headers: IncomingHttpHeaders) => {
    ending = headers;
  });
  call.on('response', (headers) => {
    last = headers;
  });
  call.on('wantTrailers', () => call.sendTrailers(trailers!));
  if (fields['expect'] !== undefined) await once(call, 'continue');
  if (body !== undefined || trailers !== undefined) send(call, body);
  const received = await buffer(call);
  const { ':status': status = 0, ...rest } = last as IncomingHttpHeaders & { ':status'?: number };
  return { status, fields: rest, body: received, trailers: ending, interim };
}

function send(to: NodeJS.WritableStream, body: Buffer | Readable | undefined): void {
  if (body instanceof Readable) body.pipe(to);
  else if (body === undefined) to.end();
  else to.end(body);
}
