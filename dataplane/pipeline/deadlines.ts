import { type TimerWheel, WheelTimer } from '../../shared/time/timer-wheel.ts';
import type { TimeoutSettings } from './rule.ts';

/** What has run out, the most urgent first. */
export type Expiry = 'request' | 'try' | 'idle' | 'retry' | 'release' | 'hedge' | null;

/** The moments at which an exchange has waited long enough, in monotonic ms and 0 where there is none. One timer for all. */
export class Deadlines {
  requestAtMs = 0;
  tryAtMs = 0;
  /** When the pause before a retry is over. */
  retryAtMs = 0;
  /** When a reply is held no longer. */
  releaseAtMs = 0;
  /** When the request goes out a second time, if there is no reply before. */
  hedgeAtMs = 0;
  /** When bytes moved last. */
  activeMs = 0;
  readonly #wheel: TimerWheel;
  readonly #timer: WheelTimer;

  constructor(wheel: TimerWheel, onDeadline: () => void) {
    this.#wheel = wheel;
    this.#timer = new WheelTimer(onDeadline);
  }

  begin(nowMs: number): void {
    this.activeMs = nowMs;
    this.requestAtMs = this.tryAtMs = this.retryAtMs = this.releaseAtMs = this.hedgeAtMs = 0;
  }

  /** The try is over, or has its reply: what was to become of it is settled. */
  endTry(): void {
    this.tryAtMs = this.releaseAtMs = this.hedgeAtMs = 0;
  }

  /** The whole request may take no longer than this; 0 is no bound. */
  limitRequest(nowMs: number, afterMs: number): void {
    if (afterMs === 0) return;
    const atMs = nowMs + afterMs;
    if (this.requestAtMs === 0 || atMs < this.requestAtMs) this.requestAtMs = atMs;
  }

  /** Waits for the nearest of them. */
  arm({ idleMs }: TimeoutSettings): void {
    let atMs = idleMs > 0 ? this.activeMs + idleMs : Number.POSITIVE_INFINITY;
    if (this.requestAtMs > 0 && this.requestAtMs < atMs) atMs = this.requestAtMs;
    if (this.tryAtMs > 0 && this.tryAtMs < atMs) atMs = this.tryAtMs;
    if (this.retryAtMs > 0 && this.retryAtMs < atMs) atMs = this.retryAtMs;
    if (this.releaseAtMs > 0 && this.releaseAtMs < atMs) atMs = this.releaseAtMs;
    if (this.hedgeAtMs > 0 && this.hedgeAtMs < atMs) atMs = this.hedgeAtMs;
    if (atMs !== Number.POSITIVE_INFINITY) this.#wheel.arm(this.#timer, atMs);
  }

  /** Null when the timer came up for a moment that has been moved since. */
  expiry(nowMs: number, { idleMs }: TimeoutSettings): Expiry {
    if (this.requestAtMs > 0 && nowMs >= this.requestAtMs) return 'request';
    if (this.tryAtMs > 0 && nowMs >= this.tryAtMs) return 'try';
    if (idleMs > 0 && nowMs >= this.activeMs + idleMs) return 'idle';
    if (this.releaseAtMs > 0 && nowMs >= this.releaseAtMs) return 'release';
    if (this.hedgeAtMs > 0 && nowMs >= this.hedgeAtMs) return 'hedge';
    return this.retryAtMs > 0 && nowMs >= this.retryAtMs ? 'retry' : null;
  }

  disarm(): void {
    this.#wheel.disarm(this.#timer);
  }

  /** Takes the timer out, so that nothing holds the exchange any more. */
  remove(): void {
    this.#wheel.remove(this.#timer);
  }
}
