import { createServer, type Server, type Socket } from 'node:net';
import type { ProxyListener } from '../../shared/resources/proxy.ts';
import { Http1DownstreamConnection } from '../http1/downstream-connection.ts';
import { Http2DownstreamConnection } from '../http2/downstream-connection.ts';
import { revive, takeOver } from '../transport/open.ts';
import type { StreamHandle } from '../transport/stream-handle.ts';
import type { Transport } from '../transport/transport.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { type CallerSettings, Callers } from './callers.ts';
import type { ConnectionCount } from './connection-count.ts';
import type { HandOver } from './hand-over.ts';
import type { ListenerStats } from './listener-stats.ts';
import { type DetectedProtocol, ProtocolDetector } from './protocol-detector.ts';
import type { TlsAcceptor } from './tls-acceptor.ts';

export type ListenerSettings = CallerSettings & Pick<ProxyListener, 'connect' | 'protocol'>;

/** A connection whose bytes are read by somebody. */
type Served = { drain(): void; destroy(): void };

const backlog = 4096;
const nothing = Buffer.alloc(0);

/** How often a draining worker asks whether others are still about to give it a connection. */
const arrivalsEveryMs = 20;

/** One place where connections come in, clear or under TLS, and what they speak is found out. */
export class Listener {
  readonly #context: WorkerContext;
  readonly #settings: ListenerSettings;
  readonly #callers: Callers;
  readonly #server: Server;
  readonly #count: ConnectionCount;
  readonly #stats: ListenerStats;
  readonly #tls: TlsAcceptor | null;
  /** Null where a worker keeps what it accepts. */
  readonly #handOver: HandOver | null;
  readonly #connections = new Set<Served>();
  /** Connections whose TLS handshake is under way. */
  #handshakes = 0;
  #isDraining = false;
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
    this.#settings = settings;
    this.#callers = new Callers(settings, tls === null ? 'http' : 'https');
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
    this.#isDraining = true;
    this.#server.close();
    this.#handOver?.leave();
    for (const connection of this.#connections) connection.drain();
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
    for (const connection of [...this.#connections]) connection.destroy();
  }

  get #isEmpty(): boolean {
    return this.#connections.size === 0 && this.#handshakes === 0 && (this.#handOver?.isEmpty ?? true);
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
    if (this.#tls === null) return this.#begin(takeOver(socket, this.#context.transportKind), null);
    this.#handshakes++;
    this.#tls.accept(
      socket,
      (transport, protocol) => {
        this.#handshakes--;
        this.#begin(transport, protocol);
      },
      () => {
        this.#handshakes--;
        this.#stats.onHandshakeFailed();
        this.#onGone();
      },
    );
  }

  /** `agreed` is what the handshake has settled; null where the first bytes tell. */
  #begin(transport: Transport, agreed: DetectedProtocol | null): void {
    const { protocol } = this.#settings;
    const known = protocol === 'http1' || protocol === 'http2' ? protocol : agreed;
    if (known !== null) return this.#serve(transport, known, nothing);
    const detector: ProtocolDetector = new ProtocolDetector(
      this.#context,
      transport,
      (detected, early) => {
        this.#connections.delete(detector);
        this.#serve(transport, detected, early);
      },
      () => this.#onServed(detector),
    );
    this.#enter(detector);
  }

  #serve(transport: Transport, protocol: DetectedProtocol, early: Buffer): void {
    const caller = this.#callers.at(transport.remoteAddress);
    const Connection = protocol === 'http2' ? Http2DownstreamConnection : Http1DownstreamConnection;
    const connection = new Connection(this.#context, transport, this.#settings, caller, (closed) =>
      this.#onServed(closed),
    );
    this.#enter(connection);
    if (early.length > 0) connection.readEarly(early);
  }

  #enter(connection: Served): void {
    this.#connections.add(connection);
    if (this.#isDraining) connection.drain();
  }

  #onServed(connection: Served): void {
    this.#connections.delete(connection);
    this.#onGone();
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

  #onGone(): void {
    this.#count.giveBack();
    this.#handOver?.onGone();
    this.#stats.onClosed();
    if (this.#isEmpty && this.#onEmpty !== null) this.#onEmpty();
  }
}
