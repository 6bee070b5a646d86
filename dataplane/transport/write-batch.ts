import { OutBuffer } from './out-buffer.ts';

export type Flushable = { flush(): void };

/** Buffers kept for the next turn; more are only needed when that many connections write within one. */
const mostSpare = 16;

/**
 * Gathers what a turn of the event loop brings for each connection, so that it leaves in one write: the first frame of a
 * turn enters its connection here, and when the turn's reads are handled all of them are flushed.
 */
export class WriteBatch {
  #waiting: Flushable[] = [];
  #flushing: Flushable[] = [];
  readonly #spare: OutBuffer[] = [];

  /** `connection.flush` is called once, at the end of this turn. */
  add(connection: Flushable): void {
    if (this.#waiting.push(connection) === 1) setImmediate(this.#flushAll);
  }

  readonly #flushAll = (): void => {
    const flushing = this.#waiting;
    this.#waiting = this.#flushing;
    this.#flushing = flushing;
    for (let i = 0; i < flushing.length; i++) flushing[i]!.flush();
    flushing.length = 0;
  };

  takeBuffer(): OutBuffer {
    return this.#spare.pop() ?? new OutBuffer();
  }

  /** Takes back an empty buffer. */
  giveBuffer(out: OutBuffer): void {
    if (this.#spare.length < mostSpare) this.#spare.push(out);
  }
}
