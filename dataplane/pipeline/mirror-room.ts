/** Copies under way. */
const mostAtOnce = 1024;
/** Bytes of bodies that wait for mirrors to take them: of one, and of all. */
const mostBytes = 1_048_576;
const mostBytesInAll = 33_554_432;
const logEveryMs = 1000;

/** What the mirrors of one worker may take up together. */
export class MirrorRoom {
  #mirrors = 0;
  #bytes = 0;
  #loggedMs = Number.NEGATIVE_INFINITY;

  /** A place for one mirror, to be given back with `leave`; false when there is none. */
  tryEnter(): boolean {
    if (this.#mirrors >= mostAtOnce) return false;
    this.#mirrors++;
    return true;
  }

  leave(): void {
    this.#mirrors--;
  }

  /** Room for more bytes of a mirror for which `waiting` bytes wait already, to be given back with `free`. */
  tryKeep(bytes: number, waiting: number): boolean {
    if (waiting + bytes > mostBytes || this.#bytes + bytes > mostBytesInAll) return false;
    this.#bytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** True when a difference may be logged. */
  tryLog(nowMs: number): boolean {
    if (nowMs - this.#loggedMs < logEveryMs) return false;
    this.#loggedMs = nowMs;
    return true;
  }
}
