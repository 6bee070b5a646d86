import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Owner } from '../../harness/owner.ts';

export type RawReply = {
  readonly status: number;
  /** Status line and fields as they came. */
  readonly head: string;
  /** Decoded: without the framing of chunks. */
  readonly body: Buffer;
  /** The last value of a field, by its lower-case name. */
  header(name: string): string | undefined;
  /** Trailer section as it came, without its last line. */
  readonly trailers: string;
};

/** A caller that says exactly the bytes it is told to, and shows exactly what comes back. */
export class RawClient {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  /** The other side has sent FIN. */
  hasEnded = false;
  /** The connection is gone; by RST when `wasReset`. */
  isClosed = false;
  wasReset = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('end', () => {
      this.hasEnded = true;
      this.#wake();
    });
    socket.on('error', (error) => {
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') this.wasReset = true;
    });
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** What came and was not yet taken by `reply`. */
  get received(): string {
    return this.#received.toString('latin1');
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Sends FIN, perhaps after more bytes. */
  end(bytes?: string): void {
    if (bytes === undefined) this.socket.end();
    else this.socket.end(Buffer.from(bytes, 'latin1'));
  }

  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Waits until `test` holds for what was received; fails after `timeoutMs`. */
  async until(test: (received: string) => boolean, what = 'what was waited for', timeoutMs = 10_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!test(this.received)) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(`${what} did not come; received so far: ${JSON.stringify(this.received.slice(0, 2000))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Waits until the other side has closed; resolves with all that came and was not taken. */
  async closed(timeoutMs = 10_000): Promise<string> {
    await this.until(() => this.isClosed || this.hasEnded, 'the end of the connection', timeoutMs);
    return this.received;
  }

  /** Takes the next reply off what comes; interim ones count. `bodyless` for replies to HEAD. */
  async reply({ bodyless = false, timeoutMs = 10_000 } = {}): Promise<RawReply> {
    let taken: { reply: RawReply; size: number } | null = null;
    await this.until(
      () => {
        taken = takeReply(this.#received, bodyless, this.hasEnded);
        return taken !== null || this.isClosed;
      },
      'a whole reply',
      timeoutMs,
    );
    if (taken === null) throw new Error(`closed before a whole reply; received: ${JSON.stringify(this.received)}`);
    const { reply, size } = taken as { reply: RawReply; size: number };
    this.#received = this.#received.subarray(size);
    return reply;
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Connects to a port of this machine; the connection ends with its owner. */
export async function rawClient(t: Owner, port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const client = new RawClient(socket);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return client;
}

/** Tells whether a connection is reset, be it before or after the caller has noticed that it is connected. */
export async function isReset(t: Owner, port: number, bytes?: string | Buffer): Promise<boolean> {
  const client = await rawClient(t, port).catch((error: NodeJS.ErrnoException) => error.code ?? '');
  if (typeof client === 'string') return client === 'ECONNRESET';
  if (bytes !== undefined) client.send(bytes);
  await client.until(() => client.isClosed, 'the end of the connection');
  return client.wasReset;
}

/** Sends one message on a connection of its own and resolves with the reply. */
export async function ask(t: Owner, port: number, bytes: string, options?: { bodyless?: boolean }): Promise<RawReply> {
  const client = await rawClient(t, port);
  client.send(bytes);
  const reply = await client.reply(options);
  client.socket.destroy();
  return reply;
}

/** A GET in the shortest form that is valid. */
export function get(path = '/', host = 'app', fields = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}\r\n`;
}

function takeReply(bytes: Buffer, bodyless: boolean, hasEnded: boolean): { reply: RawReply; size: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const head = bytes.toString('latin1', 0, headEnd + 2);
  const header = (name: string) => {
    let value: string | undefined;
    for (const line of head.split('\r\n').slice(1)) {
      const colon = line.indexOf(':');
      if (colon !== -1 && line.slice(0, colon).toLowerCase() === name) value = line.slice(colon + 1).trim();
    }
    return value;
  };
  const status = Number(head.slice(9, 12));
  const from = headEnd + 4;
  const make = (body: Buffer, end: number, trailers = '') => ({
    reply: { status, head, body, header, trailers },
    size: end,
  });
  if (bodyless || status < 200 || status === 204 || status === 304) return make(Buffer.alloc(0), from);
  if (header('transfer-encoding') === 'chunked') return takeChunks(bytes, from, make);
  const length = header('content-length');
  if (length !== undefined) {
    const end = from + Number(length);
    return bytes.length < end ? null : make(bytes.subarray(from, end), end);
  }
  return hasEnded ? make(bytes.subarray(from), bytes.length) : null;
}

function takeChunks(
  bytes: Buffer,
  from: number,
  make: (body: Buffer, end: number, trailers: string) => { reply: RawReply; size: number },
): { reply: RawReply; size: number } | null {
  const pieces: Buffer[] = [];
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size)) return null; // broken chunks never become a whole reply
    at = lineEnd + 2;
    if (size === 0) {
      const last = bytes.toString('latin1', at);
      if (last.startsWith('\r\n')) return make(Buffer.concat(pieces), at + 2, '');
      const end = last.indexOf('\r\n\r\n');
      return end === -1 ? null : make(Buffer.concat(pieces), at + end + 4, last.slice(0, end + 2));
    }
    if (bytes.length < at + size + 2) return null;
    pieces.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}
