/**
 * A client of gRPC on sockets of its own, for sidecars: grpc-js and Node's HTTP/2 under it take 10 MB of a process, this one
 * takes one. It connects when a call needs it; whether to call again after a failure is for its user to say. There is one
 * address, and messages are not compressed.
 */
import type { Socket } from 'node:net';
import { CallError, Status } from '../status.ts';
import type { ClientCall, Method } from './client-call.ts';
import { ClientConnection } from './client-connection.ts';

export type GrpcClientOptions = {
  /** As `:authority` has it. */
  readonly authority: string;
  /** Begins a connection, in the clear or over TLS. */
  connect(): Socket;
  /** Fields that a call brings along, asked for as it begins. */
  fields(): readonly (readonly [name: string, value: string])[];
  /** Time between two looks at who is silent (5 s). */
  readonly sweepMs?: number;
};

export class GrpcClient {
  readonly #options: GrpcClientOptions;
  /** The last one is in use, unless it is leaving; those before it wait for their calls. */
  readonly #connections: ClientConnection[] = [];
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: GrpcClientOptions) {
    this.#options = options;
    this.#sweeper = setInterval(() => {
      for (const connection of this.#connections) connection.sweep();
    }, options.sweepMs ?? 5_000);
    this.#sweeper.unref();
  }

  /** Begins a call; all that becomes of it comes later, as events. */
  call<Request, Reply>(method: Method<Request, Reply>): ClientCall<Request, Reply> {
    const last = this.#connections.at(-1);
    const connection = last && !last.isLeaving ? last : this.#connect();
    return connection.open(method, this.#options.fields());
  }

  /** Asks once and gets one answer, or the reason why there is none. */
  ask<Request, Reply>(
    method: Method<Request, Reply>,
    request: Request,
    done: (error: CallError | null, reply?: Reply) => void,
  ): ClientCall<Request, Reply> {
    const call = this.call(method);
    let answer: { readonly reply: Reply } | null = null;
    call.on('data', (reply) => (answer = { reply }));
    call.on('error', done);
    call.on('end', () => {
      if (answer === null) done(new CallError(Status.internal, 'the call ended without a reply'));
      else done(null, answer.reply);
    });
    call.end(request);
    return call;
  }

  #connect(): ClientConnection {
    const socket = this.#options.connect();
    const connection = new ClientConnection(socket, this.#options.authority);
    this.#connections.push(connection);
    socket.once('close', () => this.#connections.splice(this.#connections.indexOf(connection), 1));
    return connection;
  }

  /** Ends all connections; calls that are open fail. */
  close(): void {
    clearInterval(this.#sweeper);
    for (const connection of this.#connections) connection.destroy();
  }
}
