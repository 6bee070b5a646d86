import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Owner } from '../../harness/owner.ts';
import { readRequests, type StrictMessage } from '../../harness/strict-reader.ts';
import type { Step } from './bytes.ts';
import { requestWithoutHarmlessFaults } from './second-reading.ts';

/** A request as the strict reader reads it off what a proxy wrote. */
export type SeenRequest = StrictMessage & {
  readonly connection: number;
  /** The body of the reply it got: tells which reply belongs to which request. */
  readonly echo: string;
  /** It could only be read with its odd characters left out: what was forwarded is refused by a strict reader. */
  readonly isUnclean: boolean;
};

/** How the origin answers what is not a canary: with an echo, or with the bytes of a case. */
export type Script = { readonly steps: readonly Step[]; readonly isBytewise: boolean } | null;

/** What the origin has seen since `begin`. */
export type Seen = {
  readonly requests: SeenRequest[];
  /** Bytes that the strict reader refuses, with its reason. */
  readonly faults: string[];
};

type Connection = { readonly id: number; readonly socket: Socket; unread: Buffer; played: Script };

export const canaryPrefix = '/canary-';

/** Tells whether a body is one that the origin answers with. */
export function isEcho(body: string): boolean {
  return /^(seen|\/canary)-\d+$/.test(body);
}

/** A pause ends when the caller says so; it must not last when the proxy passes nothing on. */
const longestPauseMs = 30;

/**
 * A server that keeps every request a proxy brings, read by the strict reader, and says of each reply which request it
 * answers. It answers whole requests only; a script begins with the first whole head.
 */
export class RecordingOrigin {
  readonly #connections = new Map<number, Connection>();
  #seen: Seen = { requests: [], faults: [] };
  #script: Script = null;
  #count = 0;
  #resume: (() => void) | null = null;
  /** Connection that the last script was played on. */
  scriptedConnection = -1;
  port = 0;

  async listen(owner: Owner): Promise<this> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    owner.teardown(async () => {
      server.close();
      for (const { socket } of this.#connections.values()) socket.destroy();
      await once(server, 'close');
    });
    return this;
  }

  /** A new case begins: what comes from now on belongs to it. */
  begin(script: Script): Seen {
    this.#seen = { requests: [], faults: [] };
    this.#script = script;
    this.scriptedConnection = -1;
    return this.#seen;
  }

  /** Lets a script that pauses go on. */
  resume(): void {
    this.#resume?.();
  }

  /** Breaks all connections, so that what one case left behind is not the next one's fault. */
  breakConnections(): void {
    for (const { socket } of this.#connections.values()) socket.destroy();
  }

  /** Waits until a proxy has closed a connection, or for as long as that may take. */
  async whenClosed(connection: number, longestMs: number): Promise<void> {
    const socket = this.#connections.get(connection)?.socket;
    if (socket)
      await Promise.race([once(socket, 'close').catch(() => undefined), wait(longestMs, undefined, { ref: false })]);
  }

  #accept(socket: Socket): void {
    const connection: Connection = { id: ++this.#count, socket, unread: Buffer.alloc(0), played: null };
    this.#connections.set(connection.id, connection);
    socket.on('data', (bytes: Buffer) => this.#onData(connection, bytes));
    socket.on('end', () => socket.end());
    socket.on('error', () => undefined); // proxies break connections, and should
    socket.on('close', () => this.#connections.delete(connection.id));
  }

  #onData(connection: Connection, bytes: Buffer): void {
    connection.unread = connection.unread.length === 0 ? bytes : Buffer.concat([connection.unread, bytes]);
    const { unread } = connection;
    if (this.#script !== null && connection.played !== this.#script && isScriptedHead(unread)) {
      connection.played = this.#script;
      this.scriptedConnection = connection.id;
      void this.#play(connection.socket, this.#script);
    }
    for (;;) {
      const read = readRequests(connection.unread);
      for (const message of read.messages) this.#onRequest(connection, message, false);
      connection.unread = connection.unread.subarray(read.end);
      if (read.fault === null) return;
      const mended = requestWithoutHarmlessFaults(connection.unread);
      const again = readRequests(mended);
      for (const message of again.messages) this.#onRequest(connection, message, true);
      if (again.fault !== null && again.messages.length === 0) return this.#refuse(connection, read.fault);
      connection.unread = connection.unread.subarray(
        again.messages.length === 0 ? 0 : again.end - mended.length + connection.unread.length,
      );
      if (again.isPartial) return;
    }
  }

  #refuse(connection: Connection, fault: string): void {
    this.#seen.faults.push(`${fault}: ${JSON.stringify(connection.unread.toString('latin1').slice(0, 300))}`);
    connection.unread = Buffer.alloc(0);
    connection.socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  }

  #onRequest(connection: Connection, message: StrictMessage, isUnclean: boolean): void {
    const [method, target] = message.startLine.split(' ') as [string, string];
    const isCanary = target.includes(canaryPrefix);
    const echo = isCanary ? target.slice(target.indexOf(canaryPrefix)) : `seen-${++this.#count}`;
    this.#seen.requests.push({ ...message, connection: connection.id, echo, isUnclean });
    if (this.#script !== null && !isCanary) return;
    const status = method === 'CONNECT' ? '405 Method Not Allowed' : '200 OK';
    connection.socket.write(
      `HTTP/1.1 ${status}\r\nContent-Length: ${echo.length}\r\n\r\n${method === 'HEAD' ? '' : echo}`,
    );
  }

  async #play(socket: Socket, { steps, isBytewise }: NonNullable<Script>): Promise<void> {
    for (const step of steps) {
      if (socket.destroyed) return;
      if (step === 'close') socket.end();
      else if (step === 'reset') socket.resetAndDestroy();
      else if (step === 'pause') await this.#pause();
      else await writeBytes(socket, step, isBytewise);
    }
  }

  async #pause(): Promise<void> {
    const resumed = new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    await Promise.race([resumed, wait(longestPauseMs, undefined, { ref: false })]);
    this.#resume = null;
  }
}

/** Beyond this many pieces nothing new is learned from more. */
const mostPieces = 3000;

/** Writes bytes as one, or each by itself with a turn of the event loop between them. */
export async function writeBytes(socket: Socket, bytes: Buffer, isBytewise: boolean): Promise<void> {
  const size = isBytewise ? Math.ceil(bytes.length / mostPieces) : bytes.length;
  for (let at = 0; at < bytes.length; at += size) {
    if (socket.destroyed || socket.writableEnded) return;
    const isTaken = socket.write(bytes.subarray(at, at + size));
    if (!isTaken) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined);
    else if (isBytewise) await new Promise(setImmediate);
  }
}

function isScriptedHead(unread: Buffer): boolean {
  const end = unread.indexOf('\r\n\r\n');
  return end !== -1 && !unread.subarray(0, unread.indexOf('\r\n')).includes(canaryPrefix);
}
