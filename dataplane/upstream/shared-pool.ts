import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import type { EndpointPool, PoolSettings, PoolWaiter } from './pool.ts';
import { Reachability } from './reachability.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

/** A connection that carries many requests at once. */
export type SharedConnection = {
  /** Requests that it carries, and those that it could carry at once; 0 while it takes none. */
  readonly load: number;
  readonly capacity: number;
  /** A place for one more request. */
  take(): UpstreamConnection;
  /** Takes no more requests, and closes when it has none. */
  retire(): void;
  /** Does so if it is too old or has carried as many requests as it may; tells whether it was. */
  retireIfWorn(): boolean;
};

/** Opens a connection and then calls `onReady` or `onConnectFailed` of the pool, once. */
export type ConnectShared = (pool: SharedPool) => void;

/**
 * The few connections of one worker to one endpoint that speaks HTTP/2. A request goes to the one that carries least; another
 * connection is opened when all have as many as they take, or when the endpoint has more workers than there are connections.
 */
export class SharedPool implements EndpointPool {
  readonly endpoint: Endpoint;
  #settings: PoolSettings;
  readonly #connect: ConnectShared;
  /** What tunnels of bytes go through, each on a connection of its own. */
  readonly #tunnels: EndpointPool;
  readonly #spread: number;
  readonly #reachability: Reachability;
  /** Connections that are open and take requests. */
  readonly #ready: SharedConnection[] = [];
  /** Connections being made. */
  #connecting = 0;
  readonly #waiting: PoolWaiter[] = [];
  #isClosed = false;

  constructor(
    endpoint: Endpoint,
    settings: PoolSettings,
    means: {
      readonly connect: ConnectShared;
      readonly tunnels: EndpointPool;
      /** Connections that there are at least once requests are carried at the same time. */
      readonly spread: number;
      readonly now: () => number;
    },
  ) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#connect = means.connect;
    this.#tunnels = means.tunnels;
    this.#spread = means.spread;
    this.#reachability = new Reachability(endpoint, means.now);
  }

  get settings(): PoolSettings {
    return this.#settings;
  }

  set settings(settings: PoolSettings) {
    this.#settings = settings;
    this.#tunnels.settings = settings;
  }

  get isConnecting(): boolean {
    return this.#connecting > 0 || this.#tunnels.isConnecting;
  }

  get pending(): number {
    return this.#waiting.length;
  }

  acquire(waiter: PoolWaiter): UpstreamConnection | ErrorCode | null {
    if (this.#waiting.length === 0) {
      const least = this.#leastLoaded();
      if (least !== null) return this.#takeFrom(least);
    }
    const opensOne = this.#unplaced >= 0 && this.#mayOpen();
    if (!opensOne && this.#unplaced >= this.settings.maxPending) return this.endpoint.load.refuse('pending');
    this.#waiting.push(waiter);
    if (opensOne) this.#open();
    return null;
  }

  /** Another connection is opened beside those in use until there are as many as the endpoint has workers. */
  #takeFrom(least: SharedConnection): UpstreamConnection {
    const size = this.#ready.length + this.#connecting;
    if (least.load > 0 && size < this.#spread && size < this.settings.max) this.#open();
    return least.take();
  }

  acquireForTunnel(waiter: PoolWaiter): ErrorCode | null {
    return this.#tunnels.acquireForTunnel(waiter);
  }

  cancel(waiter: PoolWaiter): void {
    const place = this.#waiting.indexOf(waiter);
    if (place !== -1) this.#waiting.splice(place, 1);
    else this.#tunnels.cancel(waiter);
  }

  #leastLoaded(): SharedConnection | null {
    let least: SharedConnection | null = null;
    for (let i = this.#ready.length - 1; i >= 0; i--) {
      const connection = this.#ready[i]!;
      if (connection.retireIfWorn() || connection.load >= connection.capacity) continue;
      if (least === null || connection.load <= least.load) least = connection;
    }
    return least;
  }

  /** How many of those who wait the connections being made will not take; negative when they will take more. */
  get #unplaced(): number {
    return this.#waiting.length - this.#connecting * this.settings.streamsPerConnection;
  }

  #mayOpen(): boolean {
    return this.#ready.length + this.#connecting < this.settings.max;
  }

  #openForWaiting(): void {
    if (this.#unplaced > 0 && this.#mayOpen()) this.#open();
  }

  #open(): void {
    this.#connecting++;
    this.#connect(this);
  }

  onReady(connection: SharedConnection): void {
    this.onReached();
    this.#connecting--;
    this.#ready.push(connection);
    this.onRoom();
    // It may take fewer than was hoped for. One that takes none for now would not be helped by more of its kind.
    if (connection.load > 0) this.#openForWaiting();
    if (this.#isClosed) connection.retire();
  }

  onConnectFailed(): void {
    if (this.#ready.length === 0) this.onUnreachable(); // else it takes requests, only not on one more connection
    this.#connecting--;
    // Whoever another connection will not be there for fails with this one.
    const failed = this.#waiting.splice(this.#connecting * this.settings.streamsPerConnection);
    for (const waiter of failed) waiter.onConnectionFailure('upstream_connect');
  }

  /** A request is done, or the endpoint takes more of them. */
  onRoom(): void {
    while (this.#waiting.length > 0) {
      const least = this.#leastLoaded();
      if (least === null) return;
      this.#waiting.shift()!.onConnection(least.take());
    }
  }

  /** The connection takes no more requests. */
  onRetired(connection: SharedConnection): void {
    const place = this.#ready.indexOf(connection);
    if (place !== -1) this.#ready.splice(place, 1);
    this.#openForWaiting();
  }

  onReached(): void {
    this.#reachability.onReached();
  }

  onUnreachable(): void {
    this.#reachability.onUnreachable(this.settings);
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#ready]) connection.retire();
    this.#tunnels.close();
  }
}
