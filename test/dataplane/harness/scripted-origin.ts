import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Owner } from '../../harness/owner.ts';

/** A request as the origin got it. */
export type OriginRequest = {
  /** Request line and fields as they came, with the empty line. */
  readonly head: string;
  /** Body as it came, framing and all. */
  readonly rawBody: string;
  /** Body without the framing of chunks. */
  readonly body: string;
  /** Place among all requests of this origin, from 0. */
  readonly index: number;
  readonly connection: OriginConnection;
  /** Value of a field, by its lower-case name. */
  header(name: string): string | undefined;
};

export type OriginConnection = {
  /** Place among the connections of this origin, from 0. */
  readonly index: number;
  readonly socket: Socket;
  /** All bytes that came, in order. */
  received: string;
  hasEnded: boolean;
  isClosed: boolean;
};

/** Bytes to answer with, or nothing when the script has dealt with the socket itself (or stays silent). */
export type Answer = string | Buffer | undefined | Promise<string | Buffer | undefined>;

export type ScriptedOrigin = {
  readonly port: number;
  readonly requests: OriginRequest[];
  readonly connections: OriginConnection[];
  /** Refuses connections from now on and breaks those that are open. */
  stop(): Promise<void>;
};

/**
 * A server whose replies are bytes. `script` is called for each whole request; with `at: 'head'` as soon as the head is
 * there, before the body.
 */
export async function scriptedOrigin(
  t: Owner,
  script: (request: OriginRequest) => Answer,
  { at = 'whole', port = 0 }: { at?: 'whole' | 'head'; port?: number } = {},
): Promise<ScriptedOrigin> {
  const requests: OriginRequest[] = [];
  const connections: OriginConnection[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection: OriginConnection = {
      index: connections.length,
      socket,
      received: '',
      hasEnded: false,
      isClosed: false,
    };
    connections.push(connection);
    let rest = '';
    let skipsBody = false;
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      connection.received += text;
      if (skipsBody) return;
      rest += text;
      for (;;) {
        const taken = takeRequest(rest, at);
        if (taken === null) return;
        rest = rest.slice(taken.size);
        skipsBody = at === 'head' && taken.hasBody;
        const request: OriginRequest = { ...taken, index: requests.length, connection };
        requests.push(request);
        void answer(request, script);
        if (skipsBody) return;
      }
    });
    socket.on('end', () => {
      connection.hasEnded = true;
      socket.end();
    });
    socket.on('error', () => undefined); // the tests break connections on purpose
    socket.on('close', () => {
      connection.isClosed = true;
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    // Node leaves a socket open that is reset while its end is under way.
    for (const { socket } of connections) socket.writableEnded ? socket.destroy() : socket.resetAndDestroy();
    await once(server, 'close');
  };
  t.teardown(stop);
  return { port: (server.address() as AddressInfo).port, requests, connections, stop };
}

async function answer(request: OriginRequest, script: (request: OriginRequest) => Answer): Promise<void> {
  const bytes = await script(request);
  if (bytes === undefined || request.connection.socket.destroyed) return;
  request.connection.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
}

/** A 200 (or another status) with a Content-Length. */
export function reply(body = '', fields = '', status = 200): string {
  return `HTTP/1.1 ${status} Fine\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

type Taken = Omit<OriginRequest, 'index' | 'connection'> & { size: number; hasBody: boolean };

function takeRequest(text: string, at: 'whole' | 'head'): Taken | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = text.slice(0, end + 4);
  const header = (name: string) => {
    for (const line of head.split('\r\n').slice(1))
      if (line.slice(0, line.indexOf(':')).toLowerCase() === name) return line.slice(line.indexOf(':') + 1).trim();
    return undefined;
  };
  const length = Number(header('content-length') ?? 0);
  const isChunked = header('transfer-encoding') === 'chunked';
  const hasBody = length > 0 || isChunked;
  if (at === 'head' || !hasBody) return { head, rawBody: '', body: '', header, size: head.length, hasBody };
  if (!isChunked) {
    if (text.length < head.length + length) return null;
    const body = text.slice(head.length, head.length + length);
    return { head, rawBody: body, body, header, size: head.length + length, hasBody };
  }
  let body = '';
  let place = head.length;
  for (;;) {
    const lineEnd = text.indexOf('\r\n', place);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(text.slice(place, lineEnd), 16);
    if (Number.isNaN(size)) return null; // broken chunks never become a whole request
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', lineEnd); // of the last chunk's line and the trailers behind it
      if (end === -1) return null;
      const last = end + 4;
      return { head, rawBody: text.slice(head.length, last), body, header, size: last, hasBody };
    }
    if (text.length < lineEnd + 2 + size + 2) return null;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    place = lineEnd + 2 + size + 2;
  }
}
