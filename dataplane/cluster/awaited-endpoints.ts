/** Who waits for the endpoints of a service. */
export type EndpointWaiter = {
  /** They were told of, or nobody tells of them. */
  onEndpoints(): void;
};

/** Requests of a worker that wait at once. */
const mostWaiting = 1024;

/** What waits for endpoints that the control plane has not told of yet. It is asked once for all that wait for a service. */
export class AwaitedEndpoints {
  readonly #waiting = new Map<string, Set<EndpointWaiter>>();
  readonly #ask: (service: string) => void;
  #size = 0;

  constructor(ask: (service: string) => void) {
    this.#ask = ask;
  }

  /** False when there are as many as there may be; otherwise ended by `leave`, or by `onEndpoints`. */
  tryWait(service: string, waiter: EndpointWaiter): boolean {
    if (this.#size >= mostWaiting) return false;
    this.#size++;
    const waiting = this.#waiting.get(service);
    if (waiting !== undefined) waiting.add(waiter);
    else {
      this.#waiting.set(service, new Set([waiter]));
      this.#ask(service);
    }
    return true;
  }

  leave(service: string, waiter: EndpointWaiter): void {
    const waiting = this.#waiting.get(service);
    if (!waiting?.delete(waiter)) return;
    this.#size--;
    if (waiting.size === 0) this.#waiting.delete(service);
  }

  settle(isKnown: (service: string) => boolean): void {
    for (const [service, waiting] of [...this.#waiting]) {
      if (!isKnown(service)) continue;
      for (const waiter of waiting) {
        this.leave(service, waiter); // first, as it may wait again at once, or end others
        waiter.onEndpoints();
      }
    }
  }

  /** Nobody will tell of any. */
  settleAll(): void {
    this.settle(() => true);
  }
}
