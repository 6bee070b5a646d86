import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { Endpoint } from '../cluster/endpoint.ts';
import { Reachability } from './reachability.ts';
import type { UpstreamConnection } from './upstream-connection.ts';

export type PoolSettings = {
  readonly max: number;
  readonly maxIdle: number;
  readonly maxPending: number;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** 0 is no bound. */
  readonly maxLifetimeMs: number;
  /** Requests per connection; 0 is no bound. */
  readonly maxRequests: number;
  /** Requests at once on each connection that carries several. */
  readonly streamsPerConnection: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
};

/** The connections of one worker to one endpoint, as requests see them. */
export type EndpointPool = {
  settings: PoolSettings;
  /** A connection is being made, so who waits may wait for the endpoint rather than for others. */
  readonly isConnecting: boolean;
  /** A connection at once, null when the waiter is called later, or why it gets none. */
  acquire(waiter: PoolWaiter): UpstreamConnection | ErrorCode | null;
  /** The same for a tunnel of bytes to the endpoint, which begins with its connection. */
  acquireForTunnel(waiter: PoolWaiter): ErrorCode | null;
  cancel(waiter: PoolWaiter): void;
  /** The endpoint takes requests: it need not be avoided. */
  onReached(): void;
  /** The endpoint, or what is behind the proxy there, could not be reached: it is avoided for a while. */
  onUnreachable(): void;
  /** The endpoint left: what is under way is still served. */
  close(): void;
};

/** A connection as its pool sees it. */
export type PooledConnection = UpstreamConnection & {
  /** May carry another request: open, quiet, and not too old. */
  isUsable(nowMs: number): boolean;
  /** Waits in the pool from now on, for at most `idleTimeoutMs`. */
  rest(idleTimeoutMs: number): void;
  close(): void;
};

/** Who waits for a connection. */
export type PoolWaiter = {
  onConnection(connection: UpstreamConnection): void;
  onConnectionFailure(code: ErrorCode): void;
};

/** Opens a connection and then calls `onConnected` or `onConnectFailed` of the pool, once. */
export type Connect = (pool: Pool) => PooledConnection;

/**
 * The connections of one worker to one endpoint: idle ones are used last in, first out, so that a burst's surplus grows
 * old and leaves. Requests wait in order when there are as many connections as allowed.
 */
export class Pool implements EndpointPool {
  readonly endpoint: Endpoint;
  settings: PoolSettings;
  readonly #connect: Connect;
  readonly #now: () => number;
  readonly #idle: PooledConnection[] = [];
  readonly #all = new Set<PooledConnection>();
  readonly #waiting: PoolWaiter[] = [];
  /** Connections being made for a tunnel and who waits for each; null when nobody does any more. */
  readonly #forTunnels = new Map<PooledConnection, PoolWaiter | null>();
  #connecting = 0;
  readonly #reachability: Reachability;
  #isClosed = false;

  constructor(endpoint: Endpoint, settings: PoolSettings, connect: Connect, now: () => number) {
    this.endpoint = endpoint;
    this.settings = settings;
    this.#connect = connect;
    this.#now = now;
    this.#reachability = new Reachability(endpoint, now);
  }

  get size(): number {
    return this.#all.size;
  }

  get isConnecting(): boolean {
    return this.#connecting > 0 || this.#forTunnels.size > 0;
  }

  get pending(): number {
    return this.#waiting.length;
  }

  acquire(waiter: PoolWaiter): UpstreamConnection | ErrorCode | null {
    const nowMs = this.#now();
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) break;
      if (connection.isUsable(nowMs)) return connection;
      connection.close();
    }
    const opensOne = this.#all.size < this.settings.max;
    // A new connection may take its waiter over the bound: it is not the queue that is long then.
    if (!opensOne && this.#waiting.length >= this.settings.maxPending) return this.endpoint.load.refuse('pending');
    this.#waiting.push(waiter);
    if (opensOne) this.#open();
    return null;
  }

  /** As `acquire`, but a connection that has carried nothing yet: what a tunnel carries must not follow on anything. */
  acquireForTunnel(waiter: PoolWaiter): ErrorCode | null {
    // The connection that has rested longest makes room.
    if (this.#all.size >= this.settings.max) this.#idle.shift()?.close();
    if (this.#all.size >= this.settings.max) return this.endpoint.load.refuse('connections');
    const connection = this.#connect(this);
    this.#all.add(connection);
    this.#forTunnels.set(connection, waiter);
    return null;
  }

  cancel(waiter: PoolWaiter): void {
    for (const [connection, waits] of this.#forTunnels) if (waits === waiter) this.#forTunnels.set(connection, null);
    const place = this.#waiting.indexOf(waiter);
    if (place !== -1) this.#waiting.splice(place, 1);
  }

  /** A connection has done its work and is still good. */
  release(connection: PooledConnection): void {
    const nowMs = this.#now();
    if (!connection.isUsable(nowMs)) return connection.close();
    if (this.#waiting.length > 0) return this.#waiting.shift()!.onConnection(connection);
    if (this.#isClosed || this.#idle.length >= this.settings.maxIdle) return connection.close();
    connection.rest(this.settings.idleTimeoutMs);
    this.#idle.push(connection);
  }

  onConnected(connection: PooledConnection): void {
    this.onReached();
    const waiter = this.#takeForTunnel(connection);
    if (waiter === undefined) this.#connecting--;
    if (waiter) waiter.onConnection(connection);
    else this.release(connection);
  }

  onConnectFailed(connection: PooledConnection): void {
    this.onUnreachable();
    const waiter = this.#takeForTunnel(connection);
    if (waiter !== undefined) return waiter?.onConnectionFailure('upstream_connect');
    this.#connecting--;
    this.#waiting.shift()?.onConnectionFailure('upstream_connect');
  }

  /** Undefined for a connection that is not meant for a tunnel. */
  #takeForTunnel(connection: PooledConnection): PoolWaiter | null | undefined {
    const waiter = this.#forTunnels.get(connection);
    this.#forTunnels.delete(connection);
    return waiter;
  }

  onReached(): void {
    this.#reachability.onReached();
  }

  onUnreachable(): void {
    this.#reachability.onUnreachable(this.settings);
  }

  /** A connection is closed and gone. */
  onClosed(connection: PooledConnection): void {
    if (!this.#all.delete(connection)) return;
    const place = this.#idle.lastIndexOf(connection);
    if (place !== -1) this.#idle.splice(place, 1);
    if (this.#waiting.length > this.#connecting && this.#all.size < this.settings.max) this.#open();
  }

  /**
   * The endpoint left: idle connections close now, the others when their request is done. Requests that wait, or come
   * yet because they began before, are still served.
   */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #open(): void {
    this.#connecting++;
    this.#all.add(this.#connect(this));
  }
}
