import type { Socket } from 'node:net';
import { giveAway, revive } from '../../shared/transport/open.ts';
import type { StreamHandle } from '../../shared/transport/stream-handle.ts';
import type { ConnectionShare } from './connection-share.ts';
import type { WorkerPipes } from './worker-pipes.ts';

/** Gives connections of one listener to the worker that has the fewest, before anything was read from them. */
export class HandOver {
  readonly #share: ConnectionShare;
  readonly #pipes: WorkerPipes;
  readonly #listener: number;
  /** Connections that other workers are about to have. */
  #leaving = 0;

  constructor(share: ConnectionShare, pipes: WorkerPipes, listener: number) {
    this.#share = share;
    this.#pipes = pipes;
    this.#listener = listener;
  }

  /** Other workers may give this one connections from now on. */
  join(): void {
    this.#share.join();
  }

  /** They begin no more to do so. */
  leave(): void {
    this.#share.leave();
  }

  /** No connection is here, on its way to here, or about to leave. */
  get isEmpty(): boolean {
    return this.#leaving === 0 && this.#share.countOf(this.#share.own) === 0;
  }

  /**
   * Counts a connection where it belongs. True when that is another worker, which has it from now on; `onReturned` gets it
   * if it could not be sent. False when it stays here.
   */
  tryGive(socket: Socket, onReturned: (socket: Socket) => void): boolean {
    const share = this.#share;
    const worker = share.take();
    if (worker === share.own) return false;
    const onSent = (status: number, connection: StreamHandle) => {
      this.#leaving--;
      if (status === 0) return connection.close(); // the other worker has it under a number of its own
      share.takeBack(worker);
      onReturned(revive(connection));
    };
    const isSent = giveAway(socket, (connection) =>
      this.#pipes.send(worker, this.#listener, connection, (status) => onSent(status, connection)),
    );
    if (isSent) this.#leaving++;
    else share.takeBack(worker);
    return isSent;
  }

  /** A connection that was counted here is gone. */
  onGone(): void {
    this.#share.giveBack();
  }
}
