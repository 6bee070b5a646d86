import type { Fault as Settings } from '../../shared/resources/filters/fault.ts';
import { durationMs } from '../../shared/time/duration.ts';
import { type LocalReply, localReply, withStatus } from '../message/local-reply.ts';

const twoTo32 = 4_294_967_296;

/** Makes requests slow or fail, each by a draw of its own. */
export class Fault {
  readonly #random: () => number;
  readonly #delayMs: number;
  /** Draws below it are hits. */
  readonly #delayBelow: number;
  readonly #abort: LocalReply | null;
  readonly #abortBelow: number;

  /** `random` gives unsigned 32-bit integers. */
  constructor({ delay, abort }: Settings, random: () => number) {
    this.#random = random;
    this.#delayMs = delay === undefined ? 0 : durationMs(delay.duration);
    this.#delayBelow = ((delay?.percent ?? 0) / 100) * twoTo32;
    this.#abort = abort === undefined ? null : abortReply(abort);
    this.#abortBelow = ((abort?.percent ?? 0) / 100) * twoTo32;
  }

  /** How long the next request has to wait, in ms. */
  delayMs(): number {
    return this.#random() < this.#delayBelow ? this.#delayMs : 0;
  }

  /** What the next request gets in place of a reply; null lets it go on. */
  abort(): LocalReply | null {
    return this.#random() < this.#abortBelow ? this.#abort : null;
  }
}

function abortReply({ status, grpcStatus }: NonNullable<Settings['abort']>): LocalReply {
  const reply = withStatus(localReply('fault_injected'), status);
  return grpcStatus === undefined ? reply : { ...reply, grpcStatus };
}
