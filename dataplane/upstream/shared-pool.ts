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
};

/** Opens a connection and then calls `onReady` or `onConnectFailed` of the pool, once. */
export type ConnectShared = (pool: SharedPool) => void;

/**
 * The few connections of one worker to one endpoint that speaks HTTP/2. A request goes to the one that carries least; another
 * connection is opened when all have as many as they take, so that one endpoint with several workers gets work for all of
 * them.
 */
export class SharedPool implements EndpointPool {
  readonly endpoint: Endpoint;
  #settings: PoolSettings;
  readonly #connect: ConnectShared;
  /** What tunnels of bytes go through, each on a connection of its own. */
  readonly #tunnels: EndpointPool;
  readonly #reachability: Reachability;
  /** Connections that are open and take requests. */
  readonly #ready: SharedConnection[] = [];
  /** Connections being made. */
  #connecting = 0;
  readonly #waiting: PoolWaiter[] = [];

  constructor(
    endpoint: Endpoint,
    settings: PoolSettings,
    connect: ConnectShared,
    tunnels: EndpointPool,
    now: () => number,
  ) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#connect = connect;
    this.#tunnels = tunnels;
    this.#reachability = new Reachability(endpoint, now);
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
      if (least !== null) return least.take();
    }
    const opensOne = this.#mayOpen();
    if (!opensOne && this.#waiting.length >= this.settings.maxPending) return 'overloaded';
    this.#waiting.push(waiter);
    if (opensOne) this.#open();
    return null;
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
    for (const connection of this.#ready)
      if (connection.load < connection.capacity && (least === null || connection.load < least.load)) least = connection;
    return least;
  }

  /** One more is opened when those being made could not take all who wait. */
  #mayOpen(): boolean {
    const expected = this.#connecting * this.settings.streamsPerConnection;
    return this.#waiting.length >= expected && this.#ready.length + this.#connecting < this.settings.max;
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
  }

  onConnectFailed(): void {
    this.onUnreachable();
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
    if (this.#waiting.length > 0 && this.#mayOpen()) this.#open();
  }

  onReached(): void {
    this.#reachability.onReached();
  }

  onUnreachable(): void {
    this.#reachability.onUnreachable(this.settings);
  }

  close(): void {
    for (const connection of [...this.#ready]) connection.retire();
    this.#tunnels.close();
  }
}
