import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Owner } from '../../../harness/owner.ts';
import { forwardingFault } from '../../../harness/strict-http1/forwarding.ts';
import { valuesOf } from '../../../harness/strict-http1/rules.ts';
import { readReplies, readRequests, type StrictMessage } from '../../../harness/strict-reader.ts';
import { caseField } from './cases.ts';

export type WireOrigin = {
  readonly port: number;
  /** Whole requests that came. */
  readonly requests: number;
  readonly openConnections: number;
};

export type WireOriginOptions = {
  /** The reply to give for a case; null for a right one. */
  replyOf(index: number): Buffer | null;
  onFault(index: number, what: string, bytes: Buffer): void;
};

/** How long the proxy may keep a connection on which bytes came that answer nothing. */
const mostStrayMs = 10_000;

/**
 * An instance that reads strictly: every byte that the proxy sends has to be part of a request without fault, and no
 * request may come before the one ahead of it is answered. It answers with the bytes of the case that a request names.
 */
export async function wireOrigin(t: Owner, { replyOf, onFault }: WireOriginOptions): Promise<WireOrigin> {
  const sockets = new Set<Socket>();
  let requests = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    let unread: Buffer = Buffer.alloc(0);
    let isDone = false;
    const fail = (what: string, index: number) => {
      isDone = true;
      onFault(index, `the instance got ${what}`, unread);
      socket.destroy();
    };
    socket.on('data', (chunk: Buffer) => {
      if (isDone) return;
      unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
      const read = readRequests(unread);
      const [message] = read.messages;
      const index = message === undefined ? -1 : caseOf(message);
      if (read.fault !== null) return fail(`what is refused: ${read.fault}`, index);
      if (message === undefined) return;
      const fault = forwardingFault(message);
      if (fault !== null) return fail(`a request in which ${fault}`, index);
      if (read.end < unread.length) return fail('bytes behind a request that was not answered', index);
      requests++;
      unread = Buffer.alloc(0);
      const mutated = replyOf(index);
      if (mutated === null) socket.write(rightReply(message));
      else isDone = answer(socket, mutated, message, index, onFault);
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined); // connections break on purpose
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1', 1024);
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  });
  return {
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    get openConnections() {
      return sockets.size;
    },
  };
}

/** The case that a request names, or -1. */
export function caseOf({ fields }: Pick<StrictMessage, 'fields'>): number {
  const [value = ''] = valuesOf(fields, caseField.toLowerCase());
  return /^[0-9]{1,9}$/.test(value) ? Number(value) : -1;
}

/** A reply that names the case it answers. */
function rightReply(request: StrictMessage): string {
  const body = request.startLine.startsWith('HEAD ') ? '' : 'right';
  return `HTTP/1.1 200 OK\r\n${caseField}: ${caseOf(request)}\r\nContent-Length: 5\r\n\r\n${body}`;
}

/** Sends a mutated reply; true when the connection ends with it. */
function answer(
  socket: Socket,
  bytes: Buffer,
  request: StrictMessage,
  index: number,
  onFault: WireOriginOptions['onFault'],
): boolean {
  const read = readReplies(bytes, [request.startLine.split(' ')[0]!], false);
  const status = Number(read.messages.at(-1)?.startLine.slice(9, 12) ?? 0);
  const isWhole = !read.isPartial && status >= 200;
  if (isWhole && read.fault === null) {
    socket.write(bytes);
    return false;
  }
  if (isWhole && read.fault!.startsWith('a reply that no request asked for')) {
    // What follows must make the proxy close the connection: nothing else will.
    socket.write(bytes);
    const timer = setTimeout(() => {
      onFault(index, 'the proxy kept a connection on which bytes came that answer nothing', bytes);
      socket.destroy();
    }, mostStrayMs);
    socket.once('close', () => clearTimeout(timer));
    return true;
  }
  if (index % 7 === 0) socket.write(bytes, () => socket.resetAndDestroy());
  else socket.end(bytes);
  return true;
}
