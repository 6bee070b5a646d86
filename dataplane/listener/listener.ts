import { createServer, type Server, type Socket } from 'node:net';
import { revive, takeOver } from '../../shared/transport/open.ts';
import type { StreamHandle } from '../../shared/transport/stream-handle.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import type { ConnectionCount } from './connection-count.ts';
import type { HandOver } from './hand-over.ts';
import type { ListenerStats } from './listener-stats.ts';
import { type ListenerSettings, Reception } from './reception.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

const backlog = 4096;

/** How often a draining worker asks whether others are still about to give it a connection. */
const arrivalsEveryMs = 20;

/** One place where connections come in, clear or under TLS. */
export class Listener {
  readonly #context: WorkerContext;
  readonly #reception: Reception;
  readonly #server: Server;
  readonly #count: ConnectionCount;
  readonly #stats: ListenerStats;
  readonly #tls: TlsAcceptor | null;
  /** Null where a worker keeps what it accepts. */
  readonly #handOver: HandOver | null;
  /** Connections whose TLS handshake is under way. */
  #handshakes = 0;
  #onEmpty: (() => void) | null = null;

  constructor(
    context: WorkerContext,
    settings: ListenerSettings,
    count: ConnectionCount,
    stats: ListenerStats,
    tls: TlsAcceptor | null,
    handOver: HandOver | null,
  ) {
    this.#tls = tls;
    this.#handOver = handOver;
    this.#context = context;
    this.#reception = new Reception(context, settings, tls !== null, () => this.#onGone());
    this.#count = count;
    this.#stats = stats;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#onConnection(socket),
    );
    this.#server.on('error', (error) => context.onProblem('listener', error));
  }

  /** Resolves with the port; `isShared` lets other workers listen on the same one. */
  listen(address: string, port: number, isShared: boolean): Promise<number> {
    this.#handOver?.join();
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
    this.#handOver?.leave();
    this.#reception.drain();
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      if (this.#handOver !== null) this.#awaitArrivals();
    });
  }

  /** What was on its way to here may stay with its sender after all, which tells nobody. */
  #awaitArrivals(): void {
    const timer = setInterval(() => {
      if (!this.#isEmpty) return;
      clearInterval(timer);
      this.#onEmpty?.();
    }, arrivalsEveryMs);
  }

  destroy(): void {
    this.#server.close();
    this.#tls?.destroy();
    this.#reception.destroy();
  }

  get #isEmpty(): boolean {
    return this.#reception.isEmpty && this.#handshakes === 0 && (this.#handOver?.isEmpty ?? true);
  }

  /** Takes a connection that another worker has accepted, and counted, for this one. */
  adopt(handle: StreamHandle): void {
    this.#context.tick();
    this.#take(revive(handle));
  }

  #onConnection(socket: Socket): void {
    this.#context.tick();
    if (!this.#count.tryTake()) return this.#refuse(socket);
    if (this.#handOver?.tryGive(socket, this.#onReturned)) return this.#stats.onHandedOver();
    this.#take(socket);
  }

  readonly #onReturned = (socket: Socket): void => {
    this.#context.tick();
    this.#take(socket);
  };

  #take(socket: Socket): void {
    this.#stats.onOpened();
    if (this.#tls === null) return this.#reception.take(takeOver(socket, this.#context.transportKind), null);
    this.#handshakes++;
    this.#tls.accept(
      socket,
      (transport, protocol) => {
        this.#handshakes--;
        this.#reception.take(transport, protocol);
      },
      () => {
        this.#handshakes--;
        this.#stats.onHandshakeFailed();
        this.#onGone();
      },
    );
  }

  /** A reset costs least, and tells the caller at once that nothing was begun. */
  #refuse(socket: Socket): void {
    const isNews = this.#stats.onRefused(this.#context.now());
    socket.on('error', () => socket.destroy());
    socket.resetAndDestroy();
    if (!isNews) return;
    const { connections } = this.#context.limits;
    this.#context.onProblem(
      'connections refused',
      `listener ${this.#stats.listener} has all ${connections} it may have`,
    );
  }

  #onGone(): void {
    this.#count.giveBack();
    this.#handOver?.onGone();
    this.#stats.onClosed();
    if (this.#isEmpty && this.#onEmpty !== null) this.#onEmpty();
  }
}
