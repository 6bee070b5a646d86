import type { ErrorCode } from '../../shared/errors/error-table.ts';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import type { Caller } from '../message/caller.ts';
import type { LocalReply } from '../message/local-reply.ts';
import { anyPort, RequestHead } from '../message/request-head.ts';
import type { Direction } from '../pipeline/direction.ts';
import type { Downstream } from '../pipeline/downstream.ts';
import { Exchange } from '../pipeline/exchange.ts';
import type { Rule, RuleBackend } from '../pipeline/rule.ts';
import type { TcpEnding, TcpStats } from '../pipeline/tcp-stats.ts';
import { Lingering } from '../transport/lingering.ts';
import type { OutBuffer } from '../transport/out-buffer.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

const nothing = Buffer.alloc(0);
const ignore = () => undefined;

/** Stands where a request's head would: a tunnel to any instance. Nobody changes it, so all connections have the same one. */
const noRequest = new RequestHead();
noRequest.connectPort = anyPort;

/**
 *   waiting -> (an instance is reached) -> open -> (the instance is done) -> lingering: the caller takes the last of it
 *   any     -> closed
 */
type State = 'waiting' | 'open' | 'lingering' | 'closed';

/**
 * A caller's connection that is carried as it is: an exchange that is a tunnel from the start. Each side's end is passed on by
 * itself, a break as a break. What cannot be carried is reset, because there are no words to say why; the metrics do.
 */
export class TcpDownstreamConnection implements Downstream, TransportOwner {
  readonly #context: WorkerContext;
  readonly #out: OutBuffer;
  readonly #transport: Transport;
  readonly #exchange: Exchange;
  readonly #rule: Rule | null;
  readonly #backend: RuleBackend | null;
  readonly #stats: TcpStats;
  readonly #onClosed: (connection: TcpDownstreamConnection) => void;
  #state: State = 'waiting';
  /** What was read before it was known how to carry it. */
  #early: Buffer = nothing;
  /** The caller sends no more. */
  #hasEnded = false;
  #isPaused = true;
  #lingering: Lingering | null = null;

  /** `rule` is null where nothing takes the bytes. Nothing is read before `begin`. */
  constructor(
    context: WorkerContext,
    transport: Transport,
    direction: Direction,
    caller: Caller,
    rule: Rule | null,
    onClosed: (connection: TcpDownstreamConnection) => void,
  ) {
    this.#context = context;
    this.#out = context.out.of(this);
    this.#transport = transport;
    this.#rule = rule;
    this.#backend = rule === null ? null : rule.pickBackend();
    this.#stats = (this.#backend === null ? context.snapshot.unmatched[direction] : this.#backend.stats).tcp;
    this.#onClosed = onClosed;
    this.#exchange = new Exchange(context, this, direction, caller, noRequest);
    this.#stats.onOpened();
    transport.start(this);
    transport.pause();
  }

  /** Looks for an instance. `early` are the bytes that were read before, and `hasEnded` tells that no more follow. */
  begin(early: Buffer, hasEnded: boolean): void {
    this.#early = early;
    this.#hasEnded = hasEnded;
    if (this.#backend === null) this.abort(this.#rule === null ? 'route_not_found' : 'no_backend');
    else this.#exchange.beginTunnel(this.#backend);
  }

  get bufferBytes(): number {
    return this.#context.limits.bufferBytes;
  }

  get borrows(): boolean {
    return true;
  }

  get isBlocked(): boolean {
    return this.#transport.isBlocked;
  }

  /** Nobody can be told to end soon: it goes on for as long as the drain may take. */
  drain(): void {}

  destroy(): void {
    this.#reset('drain');
  }

  // --- what comes in ------------------------------------------------------------------------------------------------

  /** Returns false to be given no more until `resumeRequest`. */
  onRead(size: number): boolean {
    this.#context.tick();
    if (this.#state !== 'open') return true; // the instance is gone: nobody takes it
    const { memory, hasOwnMemory } = this.#transport;
    this.#relay(memory.subarray(0, size), hasOwnMemory);
    if (size === memory.length) this.#transport.takeMemory();
    return !this.#isPaused;
  }

  #relay(bytes: Buffer, isLasting: boolean): void {
    this.#stats.onReceived(bytes.length);
    this.#exchange.onTunnelBytes(bytes, isLasting);
  }

  onEnd(): void {
    this.#context.tick();
    this.#hasEnded = true;
    if (this.#state === 'open') this.#exchange.onDownstreamTunnelEnd();
    else this.#lingering?.onEnd();
  }

  pauseRequest(): void {
    this.#isPaused = true;
    this.#transport.pause();
  }

  resumeRequest(): void {
    this.#isPaused = false;
    this.#transport.resume();
  }

  // --- what goes out ------------------------------------------------------------------------------------------------

  sendTunnelOpen(): void {
    this.#state = 'open';
    const early = this.#early;
    this.#early = nothing;
    if (early.length > 0) this.#relay(early, false);
    if (this.#hasEnded) this.#exchange.onDownstreamTunnelEnd();
  }

  sendBody(bytes: Buffer, from: number, to: number, isLasting: boolean): void {
    this.#stats.onSent(to - from);
    this.#out.pass(this.#transport, bytes, from, to, isLasting);
  }

  flush(): void {
    this.#out.flushTo(this.#transport);
  }

  onDrain(): void {
    this.#context.tick();
    this.#exchange.onDownstreamDrain();
  }

  endTunnel(): void {
    this.#transport.end(ignore);
  }

  /** No instance could be reached, or none is to be. */
  sendLocal(reply: LocalReply): void {
    this.#reset(reply.reason);
  }

  // A tunnel has no heads, and its end is told by `endTunnel`.

  sendInterim(): void {
    throw new Error('a reply in a tunnel');
  }

  sendHead(): void {
    this.sendInterim();
  }

  sendUpgrade(): void {
    this.sendInterim();
  }

  sendEnd(): void {
    this.sendInterim();
  }

  // --- the connection's life ------------------------------------------------------------------------------------------

  /** The connection to the instance is no more, and the instance had ended before. */
  onExchangeComplete(): void {
    if (this.#state !== 'open') return;
    this.#state = 'lingering';
    const isWhole = this.#hasEnded; // else the instance broke while the caller could still send
    this.#lingering = new Lingering(this.#context, this.#transport, this.#hasEnded, () =>
      isWhole ? this.#close('done') : this.#reset('upstream_reset'),
    );
  }

  abort(cause: ErrorCode): void {
    this.#reset(cause === 'body_idle_timeout' ? 'idle' : cause);
  }

  #reset(reason: TcpEnding): void {
    this.#out.discard(); // what is put together was for this caller alone
    this.#transport.reset();
    this.#close(reason);
  }

  onClosed(): void {
    this.#context.tick();
    this.#close(this.#hasEnded && this.#transport.hasEnded ? 'done' : 'caller_reset');
  }

  #close(reason: TcpEnding): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#early = nothing;
    this.#stats.onClosed(reason);
    this.#lingering?.stop();
    this.#transport.destroy();
    this.#exchange.onDownstreamClosed();
    this.#onClosed(this);
  }
}
