import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import type { Transport } from '../../shared/transport/transport.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

/** A caller that is silent for so long after its last reply has left is taken to have read it. */
const silenceMs = 1000;
const mostMs = 30_000;

/**
 * The end of a connection whose last reply is written (RFC 9112 §9.6): our side is closed, and what still comes is read and
 * thrown away, because a RST in answer to it could take the reply from the caller. A slow caller may take the rest of its
 * reply for as long as it takes any.
 */
export class Lingering {
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #onOver: () => void;
  readonly #timer = new WheelTimer(() => this.#onDeadline());
  #unsentBytes: number;
  /** 0 until the last reply has left. */
  #untilMs = 0;
  #hasCallerEnded: boolean;
  #isOver = false;

  /** `onOver` is called once, when the connection is to be closed. */
  constructor(context: WorkerContext, transport: Transport, hasCallerEnded: boolean, onOver: () => void) {
    this.#context = context;
    this.#transport = transport;
    this.#onOver = onOver;
    this.#hasCallerEnded = hasCallerEnded;
    this.#unsentBytes = transport.unsentBytes;
    transport.resume();
    this.#arm(context.limits.keepAliveTimeoutMs);
    transport.end(() => this.#onSent());
  }

  onRead(): void {
    if (this.#untilMs > 0) this.#awaitSilence();
  }

  onEnd(): void {
    this.#hasCallerEnded = true;
    if (this.#transport.unsentBytes === 0) this.#finish();
  }

  /** The connection is gone. */
  stop(): void {
    this.#isOver = true;
    this.#context.wheel.remove(this.#timer);
  }

  #onSent(): void {
    if (this.#isOver) return;
    if (this.#hasCallerEnded) return this.#finish();
    this.#context.tick();
    this.#untilMs = this.#context.now() + mostMs;
    this.#awaitSilence();
  }

  #awaitSilence(): void {
    const leftMs = this.#untilMs - this.#context.now();
    if (leftMs > 0) this.#arm(Math.min(silenceMs, leftMs)); // else its time is up already, whatever comes
  }

  /** 0 is no bound. */
  #arm(afterMs: number): void {
    if (afterMs > 0) this.#context.wheel.arm(this.#timer, this.#context.now() + afterMs);
  }

  #onDeadline(): void {
    const { unsentBytes } = this.#transport;
    if (unsentBytes > 0 && unsentBytes < this.#unsentBytes) {
      this.#unsentBytes = unsentBytes;
      return this.#arm(this.#context.limits.keepAliveTimeoutMs);
    }
    if (unsentBytes > 0) this.#context.closings.count('downstream stalled');
    this.#finish();
  }

  #finish(): void {
    this.stop();
    this.#onOver();
  }
}
