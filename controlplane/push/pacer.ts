/**
 * Decides when a round over the streams is due. The first change after silence goes out at once: at the end of the turn, so
 * that what came with it goes, too, and whoever made it has its answer before. Rounds that follow keep a distance of four
 * times what one takes to write. So a burst is merged the more, the more sidecars there are, and a control plane
 * spends no more than about half of its time on them, counting the answers.
 */
const distance = 4;
const longestMs = 250;

export class Pacer {
  readonly #round: () => void;
  readonly #now: () => number;
  #isDue = false;
  #nextMs = 0;
  #immediate: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(round: () => void, now: () => number) {
    this.#round = round;
    this.#now = now;
  }

  /** There is something to tell. */
  ask(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = Math.min(this.#nextMs - this.#now(), longestMs);
    if (waitMs < 1) this.#immediate = setImmediate(() => this.#run());
    else this.#timer = setTimeout(() => this.#run(), waitMs);
  }

  close(): void {
    if (this.#immediate) clearImmediate(this.#immediate);
    if (this.#timer) clearTimeout(this.#timer);
  }

  #run(): void {
    this.#isDue = false;
    const startedMs = this.#now();
    this.#round();
    const endedMs = this.#now();
    this.#nextMs = endedMs + distance * (endedMs - startedMs);
  }
}
