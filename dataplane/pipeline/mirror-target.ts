import type { MirrorStats } from './mirror-stats.ts';
import type { RuleBackend } from './rule.ts';

/** Where copies of a rule's requests go. */
export class MirrorTarget {
  /** As traces and logs name it. */
  readonly name: string;
  readonly backend: RuleBackend;
  readonly compares: boolean;
  readonly stats: MirrorStats;
  readonly #share: number;
  readonly #step: number;
  #point: number;

  /** `share` is the part of the requests that is copied; `step` has to be irrational, `start` is a point in [0, 1). */
  constructor(
    name: string,
    backend: RuleBackend,
    { share, step, start }: { share: number; step: number; start: number },
    compares: boolean,
    stats: MirrorStats,
  ) {
    this.name = name;
    this.backend = backend;
    this.compares = compares;
    this.stats = stats;
    this.#share = share;
    this.#step = step;
    this.#point = start;
  }

  /** Whether the next request is copied. Steps round a circle come nearer to the share than chance, as those of `Rule`. */
  draw(): boolean {
    this.#point += this.#step;
    if (this.#point >= 1) this.#point -= 1;
    return this.#point < this.#share;
  }
}
