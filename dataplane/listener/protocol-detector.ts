import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import { preface } from '../http2/frame.ts';
import type { Transport, TransportOwner } from '../transport/transport.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

export type DetectedProtocol = 'http1' | 'http2';

/**
 * Waits for the first bytes of a connection, which tell what it speaks. HTTP/2 begins as no request of HTTP/1 can (RFC 9113
 * §3.4); everything else is left to HTTP/1, which refuses what it does not understand.
 */
export class ProtocolDetector implements TransportOwner {
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #onDetected: (protocol: DetectedProtocol, early: Buffer) => void;
  readonly #onGone: () => void;
  readonly #timer: WheelTimer;
  #early: Buffer = Buffer.alloc(0);
  #isOver = false;

  /** Calls one of the two, once; `early` are the bytes that were read. */
  constructor(
    context: WorkerContext,
    transport: Transport,
    onDetected: (protocol: DetectedProtocol, early: Buffer) => void,
    onGone: () => void,
  ) {
    this.#context = context;
    this.#transport = transport;
    this.#onDetected = onDetected;
    this.#onGone = onGone;
    this.#timer = new WheelTimer(() => this.#onDeadline());
    const { headTimeoutMs } = context.limits;
    if (headTimeoutMs > 0) context.wheel.arm(this.#timer, context.now() + headTimeoutMs);
    transport.start(this);
  }

  get bufferBytes(): number {
    return this.#context.limits.bufferBytes;
  }

  onRead(size: number): boolean {
    this.#context.tick();
    this.#early = Buffer.concat([this.#early, this.#transport.memory.subarray(0, size)]);
    const common = Math.min(this.#early.length, preface.length);
    if (this.#early.compare(preface, 0, common, 0, common) !== 0) this.#decide('http1');
    else if (common === preface.length) this.#decide('http2');
    return true;
  }

  #decide(protocol: DetectedProtocol): void {
    this.#leave();
    this.#onDetected(protocol, this.#early);
  }

  #leave(): void {
    this.#isOver = true;
    this.#context.wheel.remove(this.#timer);
  }

  #onDeadline(): void {
    this.#context.closings.count('downstream idle');
    this.destroy();
  }

  /** A caller that sends no more before it has said what it speaks. */
  onEnd(): void {
    if (this.#early.length > 0) this.#decide('http1');
    else this.destroy();
  }

  onDrain(): void {
    // Nothing is written here.
  }

  drain(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#transport.destroy();
    this.onClosed();
  }

  onClosed(): void {
    if (this.#isOver) return;
    this.#leave();
    this.#onGone();
  }
}
