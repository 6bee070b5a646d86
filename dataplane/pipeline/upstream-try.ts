import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { PoolWaiter } from '../upstream/pool.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import { Attempt } from './attempt.ts';

/** The try under way, with the connection that carries it. A hedge that wins hands over its own as it is. */
export class UpstreamTry extends Attempt<PooledEndpoint> {
  /** Null while somebody waits for it, and once its reply is whole or it has failed. */
  connection: UpstreamConnection | null = null;
  /** Which try of its request it is, from 1; 0 while there is none. */
  number = 0;
  #waiter: PoolWaiter | null = null;

  /** A connection at once, null when the waiter gets one later, or why there is none. */
  acquire(waiter: PoolWaiter): UpstreamConnection | ErrorCode | null {
    this.#waiter = waiter;
    return this.endpoint!.pool.acquire(waiter);
  }

  /** The same for a tunnel of bytes, which begins with its connection. */
  acquireForTunnel(waiter: PoolWaiter): ErrorCode | null {
    this.#waiter = waiter;
    return this.endpoint!.pool.acquireForTunnel(waiter);
  }

  /** Closes the connection, or waits for one no longer. What endpoint and breaker hear of it is for the caller to say. */
  leave(): void {
    if (this.connection === null) this.endpoint!.pool.cancel(this.#waiter!);
    else this.connection.abort();
    this.connection = null;
  }

  /** It waits in our own queue, which says nothing about the instance. */
  get isQueued(): boolean {
    return this.connection === null && this.endpoint?.pool.isConnecting !== true;
  }

  /** What it means that its time is over. */
  get timeoutCode(): ErrorCode {
    if (this.isQueued) return 'overloaded';
    return this.connection === null ? 'upstream_connect' : 'upstream_timeout';
  }
}
