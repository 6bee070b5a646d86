import type { Changes } from '../changes.ts';
import type { BreakerSettings } from './breaker-settings.ts';
import { SuccessWindow } from './success-window.ts';

export type BreakerState = 'closed' | 'half-open' | 'open';

/** What made a breaker change; the words stand in metrics. */
export type BreakerCause = 'consecutive_failures' | 'success_rate' | 'timeout' | 'probe_failed' | 'probe_passed';

/** The state that each of them leads to. */
export const stateAfter: Readonly<Record<BreakerCause, BreakerState>> = {
  consecutive_failures: 'open',
  success_rate: 'open',
  timeout: 'half-open',
  probe_failed: 'open',
  probe_passed: 'closed',
};

/** How a request went, as far as it tells something. Too many requests (429) count for the rate of successes only. */
export type BreakerOutcome = 'success' | 'failure' | 'rate-limited';

/** Who writes down what becomes of a breaker. */
export type BreakerObserver = { onTransition(cause: BreakerCause): void; onRetired(): void };

export type BreakerParts = {
  readonly observer: BreakerObserver;
  /** Told whenever it may let through what it did not, or the other way round. */
  readonly changes: Changes;
  /** Unsigned 32-bit integers. */
  readonly random: () => number;
};

/**
 * Cuts off an endpoint, or a rule of a route, that fails.
 *
 *              consecutive_failures
 *              success_rate
 *   closed --------------------------> open <----------------.
 *     ^                                  | timeout           | probe_failed:
 *     |  probe_passed, as many times     v                   | twice as long
 *     '--- as there are probes ----- half-open --------------'
 *
 * Each stay in a state has a number, which a request gets as its ticket when it starts. What becomes of the request counts
 * only while the breaker has not moved since: those that began before it opened neither close it nor, when they end after it
 * has closed again, open it once more.
 */
export class Breaker {
  #settings: BreakerSettings;
  readonly #observer: BreakerObserver;
  readonly #changes: Changes;
  readonly #random: () => number;
  #state: BreakerState = 'closed';
  #stay = 1;
  /** In a row, while it is closed. */
  #failures = 0;
  #window: SuccessWindow | null = null;
  /** Of the round under way, while it is half-open. */
  #probesOut = 0;
  #probesPassed = 0;
  /** Rounds of probes that have failed since it was closed. */
  #failedRounds = 0;
  #openUntilMs = 0;
  #isRetired = false;

  constructor(settings: BreakerSettings, { observer, changes, random }: BreakerParts) {
    this.#settings = settings;
    this.#observer = observer;
    this.#changes = changes;
    this.#random = random;
    this.follow(settings);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Goes by these settings from now on; its state stays, unless as many probes as they ask for have passed. */
  follow(settings: BreakerSettings): void {
    this.#settings = settings;
    if (this.#state === 'half-open' && this.#probesPassed >= settings.probes) this.#close();
    const windowMs = settings.successRate?.windowMs;
    if (windowMs === this.#window?.windowMs) return;
    this.#window = windowMs === undefined ? null : new SuccessWindow(windowMs);
  }

  /** Tells whether a request may go now. */
  isPassable(nowMs: number): boolean {
    switch (this.#state) {
      case 'closed':
        return true;
      case 'open':
        return nowMs >= this.#openUntilMs;
      case 'half-open':
        return this.#hasProbesLeft;
    }
  }

  /** When that changes by the mere passing of time (monotonic ms); Infinity when only a request changes it. */
  get passableAtMs(): number {
    return this.#state === 'open' ? this.#openUntilMs : Number.POSITIVE_INFINITY;
  }

  /** A request goes through, which was passable. Returns its ticket. */
  onStart(): number {
    if (this.#state === 'open') {
      this.#probesOut = this.#probesPassed = 0;
      this.#enter('timeout');
    }
    if (this.#state === 'half-open') {
      this.#probesOut++;
      if (!this.#hasProbesLeft) this.#changes.count++;
    }
    return this.#stay;
  }

  /** The holder of the ticket decides whether it closes. */
  isProbe(ticket: number): boolean {
    return this.#state === 'half-open' && ticket === this.#stay;
  }

  /** The request of a ticket has gone well or badly; once per ticket. Returns what that has changed. */
  settle(ticket: number, outcome: BreakerOutcome, nowMs: number): BreakerCause | null {
    if (ticket !== this.#stay) return null;
    return this.#state === 'half-open' ? this.#judgeProbe(outcome, nowMs) : this.#count(outcome, nowMs);
  }

  /** The request of a ticket ended without a verdict, for instance because the caller left: another may be the probe. */
  giveBack(ticket: number): void {
    if (!this.isProbe(ticket)) return;
    this.#probesOut--;
    this.#changes.count++;
  }

  /** Its endpoint, rule or policy is gone: nobody hears of it any more, though exchanges may still end. */
  retire(): void {
    this.#isRetired = true;
    this.#observer.onRetired();
  }

  get #hasProbesLeft(): boolean {
    return this.#probesOut + this.#probesPassed < this.#settings.probes;
  }

  #count(outcome: BreakerOutcome, nowMs: number): BreakerCause | null {
    this.#failures = outcome === 'failure' ? this.#failures + 1 : 0;
    this.#window?.add(outcome === 'success', nowMs);
    if (outcome === 'success') return null;
    if (this.#failures >= this.#settings.consecutiveFailures) return this.#open('consecutive_failures', nowMs);
    return this.#isRateLow ? this.#open('success_rate', nowMs) : null;
  }

  get #isRateLow(): boolean {
    const { successRate } = this.#settings;
    const window = this.#window;
    if (successRate === null || window === null) return false;
    return window.total >= successRate.minRequests && window.rate < successRate.threshold;
  }

  #judgeProbe(outcome: BreakerOutcome, nowMs: number): BreakerCause | null {
    const hasFailed = outcome === 'failure' || (outcome === 'rate-limited' && this.#window !== null);
    if (hasFailed) {
      this.#failedRounds++;
      return this.#open('probe_failed', nowMs);
    }
    this.#probesOut--;
    this.#probesPassed++;
    return this.#probesPassed < this.#settings.probes ? null : this.#close();
  }

  #open(cause: BreakerCause, nowMs: number): BreakerCause {
    const { openForMs, maxOpenForMs, jitter } = this.#settings;
    const baseMs = Math.min(openForMs * 2 ** this.#failedRounds, maxOpenForMs);
    this.#openUntilMs = nowMs + baseMs * (1 + (jitter * this.#random()) / 2 ** 32);
    return this.#enter(cause);
  }

  /** Whatever was counted before it opened is forgotten, so that it takes as much as ever to open it again. */
  #close(): BreakerCause {
    this.#failures = this.#failedRounds = 0;
    this.#window?.clear();
    return this.#enter('probe_passed');
  }

  #enter(cause: BreakerCause): BreakerCause {
    this.#state = stateAfter[cause];
    this.#stay++;
    this.#changes.count++;
    if (!this.#isRetired) this.#observer.onTransition(cause);
    return cause;
  }
}
