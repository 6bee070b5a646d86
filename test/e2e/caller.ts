import { connect, type Socket } from 'node:net';

export type Question = {
  /** The service that is called. */
  readonly host: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Answer = {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Name of the application that answered, or of the reason why none did. */
  readonly from: string;
  /** When the request left and when its reply was whole, on the clock of `performance.now()`. */
  readonly sentMs: number;
  readonly answeredMs: number;
};

const timeoutMs = 10_000;

/**
 * A caller with one connection that it keeps, one request at a time. It works on the bare socket and in few steps, so that
 * the moments it notes are those of the wire.
 */
export class Caller {
  readonly #port: number;
  #socket: Socket | null = null;
  #received = '';
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void; sentMs: number } | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects when the connection ends before the reply is whole, or when none comes within 10 s. */
  ask({ host, method = 'GET', path = '/', headers = {} }: Question): Promise<Answer> {
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const body = method === 'POST' ? 'content-length: 2\r\n\r\nhi' : '\r\n';
    const message = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${fields.join('')}${body}`;
    this.#socket ??= this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, sentMs: performance.now() };
      this.#socket!.setTimeout(timeoutMs).write(message);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#received = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text;
      this.#take();
    });
    let why = 'the connection ended';
    socket.on('timeout', () => socket.destroy(new Error(`no reply within ${timeoutMs} ms`)));
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.reject(new Error(why));
    });
    return socket;
  }

  #take(): void {
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd === -1 || this.#waiting === null) return;
    const head = this.#received.slice(0, headEnd + 2);
    const field = (name: string) => new RegExp(`^${name}: *(.*?)\r$`, 'im').exec(head)?.[1];
    const bodyEnd = headEnd + 4 + Number(field('content-length'));
    if (!(this.#received.length >= bodyEnd)) return;
    const { resolve, sentMs } = this.#waiting;
    const body = this.#received.slice(headEnd + 4, bodyEnd);
    this.#received = this.#received.slice(bodyEnd);
    this.#waiting = null;
    if (field('connection') === 'close') this.close();
    const from = field('x-app') ?? field('x-meshlane-reason') ?? 'nobody';
    resolve({ status: Number(head.slice(9, 12)), head, body, from, sentMs, answeredMs: performance.now() });
  }
}
