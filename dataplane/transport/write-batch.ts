import { OutBuffer } from './out-buffer.ts';

export type Flushable = { flush(): void };

/** Most connections have little to write in one turn. */
const bufferBytes = 16_384;
/** One that has grown beyond this is let go of. */
const mostKeptBytes = 65_536;
/** Buffers kept for the next turn: as many as connections write within one, or each turn would leave garbage behind. */
const mostSpare = 256;

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
    return this.#spare.pop() ?? new OutBuffer(bufferBytes);
  }

  /** Takes back an empty buffer. */
  giveBuffer(out: OutBuffer): void {
    if (this.#spare.length < mostSpare && out.bytes.length <= mostKeptBytes) this.#spare.push(out);
  }
}
