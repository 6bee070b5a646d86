import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Owner } from '../../../harness/owner.ts';
import { forwardingFault } from '../../../harness/strict-http1/forwarding.ts';
import { valuesOf } from '../../../harness/strict-http1/rules.ts';
import { readReplies, readRequests, type StrictMessage } from '../../../harness/strict-reader.ts';
import { caseField, isAnsweredEarly } from './cases.ts';

export type WireOrigin = {
  readonly port: number;
  /** Whole requests that came. */
  readonly requests: number;
  /** Requests that were answered before their body had come. */
  readonly answeredEarly: number;
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
  let answeredEarly = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    let unread: Buffer = Buffer.alloc(0);
    let isDone = false;
    /** The request whose body still comes has had its reply, so that another may follow it at once. */
    let isAnswered = false;
    const fail = (what: string, index: number) => {
      isDone = true;
      onFault(index, `the instance got ${what}`, unread);
      socket.destroy();
    };
    const reply = (question: Question) => {
      const mutated = replyOf(question.index);
      if (mutated === null) socket.write(rightReply(question));
      else isDone = answer(socket, mutated, question, onFault);
    };
    const take = (message: StrictMessage, hasMore: boolean) => {
      const index = caseOf(message);
      const fault = forwardingFault(message);
      if (fault !== null) return fail(`a request in which ${fault}`, index);
      requests++;
      if (!isAnswered && hasMore) return fail('bytes behind a request that was not answered', index);
      if (!isAnswered) reply({ index, method: methodOf(message.startLine) });
      isAnswered = false;
    };
    socket.on('data', (chunk: Buffer) => {
      if (isDone) return;
      unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
      const { messages, fault, end } = readRequests(unread);
      if (fault !== null) return fail(`what is refused: ${fault}`, -1);
      for (const [i, message] of messages.entries()) {
        take(message, i + 1 < messages.length || end < unread.length);
        if (isDone) return;
      }
      unread = unread.subarray(end);
      const early = isAnswered || unread.length === 0 ? null : earlyQuestion(unread);
      if (early === null) return;
      isAnswered = true;
      answeredEarly++;
      reply(early);
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
    get answeredEarly() {
      return answeredEarly;
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

/** What is known of a request when it is answered. */
type Question = { readonly index: number; readonly method: string };

function methodOf(startLine: string): string {
  return startLine.slice(0, startLine.indexOf(' '));
}

/** The request whose head stands here without the rest of its body, if its case is one to be answered early. */
function earlyQuestion(unread: Buffer): Question | null {
  const text = unread.toString('latin1', 0, unread.indexOf('\r\n\r\n') + 2);
  const match = /\r\nx-case: ([0-9]{1,9})\r\n/i.exec(text);
  if (match === null) return null;
  const index = Number(match[1]);
  return isAnsweredEarly(index) ? { index, method: methodOf(text) } : null;
}

/** A reply that names the case it answers. */
function rightReply({ index, method }: Question): string {
  const body = method === 'HEAD' ? '' : 'right';
  return `HTTP/1.1 200 OK\r\n${caseField}: ${index}\r\nContent-Length: 5\r\n\r\n${body}`;
}

/** Sends a mutated reply; true when the connection ends with it. */
function answer(
  socket: Socket,
  bytes: Buffer,
  { index, method }: Question,
  onFault: WireOriginOptions['onFault'],
): boolean {
  const read = readReplies(bytes, [method], false);
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
