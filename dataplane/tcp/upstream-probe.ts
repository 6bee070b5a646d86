import { WheelTimer } from '../../shared/time/timer-wheel.ts';
import { openTransport } from '../../shared/transport/open.ts';
import type { Transport, TransportOwner } from '../../shared/transport/transport.ts';
import type { PooledEndpoint } from '../upstream/pooled-endpoint.ts';
import type { WorkerContext } from '../worker/worker-context.ts';

/** Who has said nothing for so long on a connection of ours is taken to wait for its callers. */
const silenceMs = 1000;

/** Who wants to hear how a probe has ended: by `speaksFirst` of the endpoint, which stays null when that is still not known. */
export type ProbeWaiter = { onProbed(endpoint: PooledEndpoint): void };

/**
 * Finds out whether an endpoint speaks before its callers do: on a connection of its own, on which nothing is sent. There is one
 * at a time for an endpoint, and none any more once the answer is known.
 */
export class UpstreamProbe implements TransportOwner {
  readonly #context: WorkerContext;
  readonly #endpoint: PooledEndpoint;
  readonly #waiting = new Set<ProbeWaiter>();
  readonly #timer: WheelTimer;
  #transport: Transport;
  #isConnected = false;
  #isOver = false;

  constructor(context: WorkerContext, endpoint: PooledEndpoint) {
    this.#context = context;
    this.#endpoint = endpoint;
    this.#timer = new WheelTimer(() => (this.#isConnected ? this.#end(false) : this.#onConnectFailed()));
    const { address, port, pool } = endpoint;
    this.#transport = openTransport(
      { host: address, port },
      context.transportKind,
      (transport) => this.#onConnect(transport),
      () => this.#onConnectFailed(),
    );
    const { connectTimeoutMs } = pool.settings;
    if (connectTimeoutMs > 0) context.wheel.arm(this.#timer, context.now() + connectTimeoutMs);
  }

  add(waiter: ProbeWaiter): void {
    this.#waiting.add(waiter);
  }

  remove(waiter: ProbeWaiter): void {
    this.#waiting.delete(waiter);
  }

  get bufferBytes(): number {
    return this.#context.limits.bufferBytes;
  }

  #onConnect(transport: Transport): void {
    this.#context.tick();
    this.#transport = transport;
    this.#isConnected = true;
    this.#context.wheel.arm(this.#timer, this.#context.now() + silenceMs);
    transport.start(this);
  }

  /** Others are tried before it, the next probe among them. */
  #onConnectFailed(): void {
    this.#context.tick();
    this.#endpoint.pool.onUnreachable();
    this.#end(null);
  }

  onRead(): boolean {
    this.#context.tick();
    this.#end(true);
    return false;
  }

  /** Whoever ends without a word may have been about to speak. */
  onEnd(): void {
    this.onClosed();
  }

  onClosed(): void {
    this.#context.tick();
    this.#end(null);
  }

  onDrain(): void {
    // Nothing is written here.
  }

  #end(speaksFirst: boolean | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#context.wheel.remove(this.#timer);
    this.#transport.destroy();
    const endpoint = this.#endpoint;
    endpoint.probe = null;
    endpoint.speaksFirst = speaksFirst;
    for (const waiter of this.#waiting) waiter.onProbed(endpoint);
  }
}
