/**
 * Slows whoever guesses tokens. After ten wrong ones from an address, none from there is looked at for a second, and for
 * twice as long after each further ten. Tokens that were right from that address before go on: callers behind one address
 * must not shut each other out. Others cannot be told apart from guesses, and wait.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '../../shared/time/clock.ts';

const freeGuesses = 10;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
const forgetMs = 10 * 60_000;
export const mostAddresses = 10_000;
const mostKnown = 64;

type Address = { wrong: number; lastWrongMs: number; closedUntilMs: number; readonly known: Set<string> };

export class GuessLimit {
  readonly #clock: Clock;
  /** In the order of their last use. */
  readonly #addresses = new Map<string, Address>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#addresses.size;
  }

  /** Milliseconds for which tokens from there are not looked at; 0 when one may be tried. */
  waitMs(host: string): number {
    const address = this.#addresses.get(networkOf(host));
    return address ? Math.max(0, address.closedUntilMs - this.#clock.monotonicMs()) : 0;
  }

  /** Whether this token was right from there before. */
  isKnown(host: string, hash: string): boolean {
    return this.#addresses.get(networkOf(host))?.known.has(hash) ?? false;
  }

  wrong(host: string): void {
    const address = this.#use(host);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - address.lastWrongMs > forgetMs) address.wrong = 0;
    address.lastWrongMs = nowMs;
    address.wrong++;
    if (address.wrong % freeGuesses !== 0) return;
    const pauseMs = firstPauseMs * 2 ** Math.min(address.wrong / freeGuesses - 1, 10);
    address.closedUntilMs = nowMs + Math.min(pauseMs, longestPauseMs);
  }

  right(host: string, hash: string): void {
    const { known } = this.#use(host);
    if (known.size < mostKnown) known.add(hash);
  }

  #use(host: string): Address {
    const key = networkOf(host);
    const address = this.#addresses.get(key) ?? { wrong: 0, lastWrongMs: 0, closedUntilMs: 0, known: new Set() };
    this.#addresses.delete(key);
    this.#addresses.set(key, address);
    if (this.#addresses.size > mostAddresses) this.#addresses.delete(this.#addresses.keys().next().value!);
    return address;
  }
}

/** Whoever has one address of IPv6 has the /64 around it. */
function networkOf(host: string): string {
  if (!isIPv6(host) || host.startsWith('::ffff:')) return host;
  return host.split('::', 1)[0]!.split(':').slice(0, 4).join(':');
}
