import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import type { Rule } from '../pipeline/rule.ts';
import type { ProbeWaiter } from '../tcp/upstream-probe.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { WorkerContext } from '../worker/worker-context.ts';
import { readServerName } from './client-hello.ts';
import { isHttp1, isHttp2, isTls } from './first-bytes.ts';
import { ask, pickSilent } from './first-speaker.ts';

export type DetectedProtocol = 'http1' | 'http2' | 'tls' | 'other';

const nothing = Buffer.alloc(0);
const never = Number.POSITIVE_INFINITY;

/**
 * Finds out what a connection speaks by its first bytes, or by the instance's where the caller waits for those. What is nothing else
 * is left to HTTP/1, which refuses what it does not understand.
 */
export class ProtocolDetector implements TransportOwner, ProbeWaiter {
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #takesTls: boolean;
  readonly #other: Rule | null;
  readonly #onDetected: (protocol: DetectedProtocol) => void;
  readonly #onGone: () => void;
  readonly #timer: WheelTimer;
  readonly #closeAtMs: number;
  /** When a silent caller makes us ask who speaks first. */
  #askAtMs: number;
  /** Who is being asked. */
  #asked: PooledEndpoint | null = null;
  /** What was read. */
  early: Buffer = nothing;
  /** The caller sends no more. */
  hasEnded = false;
  /** Whom a TLS caller wants to reach. */
  serverName: string | null = null;
  #isOver = false;

  /**
   * Calls one of the two, once. TLS, and whom it wants to reach, are looked for where it is taken; other bytes where somebody takes
   * them, and callers who wait to be spoken to would go there, too.
   */
  constructor(
    context: WorkerContext,
    transport: Transport,
    takesTls: boolean,
    other: Rule | null,
    onDetected: (protocol: DetectedProtocol) => void,
    onGone: () => void,
  ) {
    this.#context = context;
    this.#transport = transport;
    this.#takesTls = takesTls;
    this.#other = other;
    this.#onDetected = onDetected;
    this.#onGone = onGone;
    this.#timer = new WheelTimer(() => this.#onDeadline());
    const { headTimeoutMs, detectTimeoutMs } = context.limits;
    this.#closeAtMs = headTimeoutMs > 0 ? context.now() + headTimeoutMs : never;
    this.#askAtMs = other !== null && detectTimeoutMs > 0 ? context.now() + detectTimeoutMs : never;
    this.#arm();
    transport.start(this);
  }

  get bufferBytes(): number {
    return this.#context.limits.bufferBytes;
  }

  onRead(size: number): boolean {
    this.#context.tick();
    this.early = Buffer.concat([this.early, this.#transport.memory.subarray(0, size)]);
    const found = this.#look();
    if (found !== null) this.#decide(found);
    return true;
  }

  /** Null while more bytes are needed, of which each question takes a bounded number. */
  #look(): DetectedProtocol | null {
    const { early } = this;
    const speaksHttp2 = isHttp2(early);
    if (speaksHttp2 !== false) return speaksHttp2 ? 'http2' : null;
    const speaksTls = this.#takesTls && isTls(early);
    if (speaksTls !== false) return speaksTls ? this.#lookForName() : null;
    if (this.#other === null) return 'http1';
    const speaksHttp1 = isHttp1(early);
    if (speaksHttp1 === null) return null;
    return speaksHttp1 ? 'http1' : 'other';
  }

  #lookForName(): 'tls' | null {
    const name = readServerName(this.early);
    if (name === undefined) return null;
    this.serverName = name;
    return 'tls';
  }

  #decide(protocol: DetectedProtocol): void {
    this.#leave();
    this.#onDetected(protocol);
  }

  #leave(): void {
    this.#isOver = true;
    this.#asked?.probe?.remove(this);
    this.#context.wheel.remove(this.#timer);
  }

  #arm(): void {
    const atMs = Math.min(this.#closeAtMs, this.#askAtMs);
    if (atMs < never) this.#context.wheel.arm(this.#timer, atMs);
  }

  #onDeadline(): void {
    if (this.#context.now() >= this.#closeAtMs) {
      this.#context.closings.count('downstream idle');
      return this.destroy();
    }
    this.#askAtMs = never;
    this.#arm();
    if (this.early.length === 0) this.#askWhoSpeaksFirst();
  }

  // --- callers that say nothing --------------------------------------------------------------------------------------

  #askWhoSpeaksFirst(): void {
    const endpoint = pickSilent(this.#other!, this.#context.now());
    if (endpoint !== null && endpoint.speaksFirst === null) {
      this.#asked = endpoint;
      ask(endpoint, this.#context, this);
    } else this.#onAnswer(endpoint?.speaksFirst ?? null);
  }

  onProbed({ speaksFirst }: PooledEndpoint): void {
    this.#asked = null;
    if (this.early.length === 0) this.#onAnswer(speaksFirst);
  }

  /** Null is no answer, because nobody could be reached: another time, perhaps. */
  #onAnswer(speaksFirst: boolean | null): void {
    if (speaksFirst) return this.#decide('other');
    if (speaksFirst === false) return;
    this.#askAtMs = this.#context.now() + this.#context.limits.detectTimeoutMs;
    this.#arm();
  }

  // --- the connection's life ------------------------------------------------------------------------------------------

  /** A caller that sends no more before it has said what it speaks. */
  onEnd(): void {
    this.#context.tick();
    this.hasEnded = true;
    if (this.early.length === 0) this.destroy();
    else if (this.#takesTls && isTls(this.early)) this.#decide('tls');
    else this.#decide(this.#other === null ? 'http1' : 'other');
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
