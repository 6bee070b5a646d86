import type { Log } from '../../observability/logging/log.ts';
import { Status } from '../../shared/grpc/status.ts';

const firstPauseMs = 1_000;
const mostPauseMs = 30_000;

/** Statuses that the same credentials will most likely get again. */
const refusals: ReadonlySet<number | undefined> = new Set([
  Status.unauthenticated,
  Status.permissionDenied,
  Status.resourceExhausted,
]);

/** How long to wait after each refusal of the control plane: twice as long each time, so that nobody hammers on its door. */
export class RefusalPauses {
  readonly #log: Log;
  readonly #what: string;
  #count = 0;
  #told = '';

  /** Takes what is refused, for the log. */
  constructor(log: Log, what: string) {
    this.#log = log;
    this.#what = what;
  }

  /** Milliseconds to wait after an error, null when it is no refusal; a refusal is told when it is a new one. */
  after({ code, message }: { readonly code?: number; readonly message: string }): number | null {
    if (!refusals.has(code)) return null;
    if (message !== this.#told)
      this.#log.warn(`the control plane refuses ${this.#what}, serving what is known`, { why: message });
    this.#told = message;
    const pauseMs = Math.min(mostPauseMs, firstPauseMs * 2 ** Math.min(this.#count++, 10));
    return pauseMs * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.#count = 0;
    this.#told = '';
  }
}
