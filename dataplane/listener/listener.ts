import { createServer, type Server, type Socket } from 'node:net';
import { Http1DownstreamConnection } from '../http1/downstream-connection.ts';
import type { Direction } from '../pipeline/exchange.ts';
import { takeOver } from '../transport/open.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { type CallerSettings, Callers } from './callers.ts';
import type { ConnectionCount } from './connection-count.ts';
import type { ListenerStats } from './listener-stats.ts';

const backlog = 4096;

/** One place where connections come in. What they speak is HTTP/1.1. */
export class Listener {
  readonly #context: WorkerContext;
  readonly #direction: Direction;
  readonly #callers: Callers;
  readonly #server: Server;
  readonly #count: ConnectionCount;
  readonly #stats: ListenerStats;
  readonly #connections = new Set<Http1DownstreamConnection>();
  #onEmpty: (() => void) | null = null;

  constructor(context: WorkerContext, settings: CallerSettings, count: ConnectionCount, stats: ListenerStats) {
    this.#context = context;
    this.#direction = settings.direction;
    this.#callers = new Callers(settings, 'http');
    this.#count = count;
    this.#stats = stats;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#onConnection(socket),
    );
    this.#server.on('error', (error) => context.onProblem('listener', error));
  }

  /** Resolves with the port; `isShared` lets other workers listen on the same one. */
  listen(address: string, port: number, isShared: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address, port, backlog, reusePort: isShared }, () => {
        this.#server.off('error', reject);
        const bound = this.#server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : port);
      });
    });
  }

  /** Takes no more connections; resolves when the last one is closed. */
  drain(): Promise<void> {
    this.#server.close();
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  destroy(): void {
    this.#server.close();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #onConnection(socket: Socket): void {
    this.#context.tick();
    if (!this.#count.tryTake()) return this.#refuse(socket);
    this.#stats.onOpened();
    const caller = this.#callers.at(socket.remoteAddress);
    this.#connections.add(
      new Http1DownstreamConnection(
        this.#context,
        takeOver(socket, this.#context.transportKind),
        this.#direction,
        caller,
        (connection) => this.#onClosed(connection),
      ),
    );
  }

  /** A reset costs least, and tells the caller at once that nothing was begun. */
  #refuse(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.resetAndDestroy();
    if (!this.#stats.onRefused(this.#context.now())) return;
    const { connections } = this.#context.limits;
    this.#context.onProblem(
      'connections refused',
      `listener ${this.#stats.listener} has all ${connections} it may have`,
    );
  }

  #onClosed(connection: Http1DownstreamConnection): void {
    this.#connections.delete(connection);
    this.#count.giveBack();
    this.#stats.onClosed();
    if (this.#connections.size === 0 && this.#onEmpty !== null) this.#onEmpty();
  }
}
