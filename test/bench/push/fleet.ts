import type { WireHello } from '../../../shared/discovery/messages.ts';
import { SimulatedSidecar } from './simulated-sidecar.ts';

export type FleetOptions = {
  readonly port: number;
  readonly count: number;
  /** Services that each names as its scope; null for sidecars that get everything. */
  readonly scopeOf: ((index: number) => string[]) | null;
  /** Pause before a lost connection is opened anew; sidecars spread over 2 s, which 0 does not. */
  readonly backoffMs: () => number;
  readonly onUpdate?: (index: number, bytes: Buffer) => void;
};

/** Opened at once; as many more as were answered follow. */
const openingAtOnce = 200;

/** Simulated sidecars that come back when their connection is lost. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #sidecars: (SimulatedSidecar | null)[];
  readonly #timers = new Set<NodeJS.Timeout>();
  #isClosed = false;
  #unopened: number[] = [];
  /** Wanted of all, and how many had it when they were counted, or came to have it since. */
  #wanted = 1;
  #synced = 0;
  #onSynced: (() => void) | null = null;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#sidecars = new Array(options.count).fill(null);
  }

  /** Resolves when all have answered an update of that revision or a later one. */
  synced(revision = 1): Promise<void> {
    this.#wanted = revision;
    return new Promise((resolve) => {
      this.#onSynced = resolve;
      this.#count();
    });
  }

  /** Opens all connections. */
  open(): Promise<void> {
    const synced = this.synced();
    this.#unopened = [...this.#sidecars.keys()];
    for (let i = 0; i < openingAtOnce; i++) this.#openNext();
    return synced;
  }

  /** Breaks all connections at once; resolves when all are in sync again. */
  reconnect(): Promise<void> {
    const old = [...this.#sidecars];
    this.#sidecars.fill(null);
    const synced = this.synced();
    for (const sidecar of old) sidecar?.destroy();
    return synced;
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const sidecar of this.#sidecars) sidecar?.destroy();
  }

  #openNext(): void {
    const index = this.#unopened.pop();
    if (index !== undefined) this.#open(index);
  }

  #open(index: number): void {
    if (this.#isClosed) return;
    const { port, scopeOf, backoffMs } = this.#options;
    const hello: WireHello = {
      sidecar: `simulated-${index}`,
      service: `service-${index % 100}`,
      version: '0',
      revision: 0,
      mesh: '',
      scoped: scopeOf !== null,
      services: scopeOf?.(index) ?? [],
    };
    let before = 0;
    const sidecar = new SimulatedSidecar({
      port,
      hello,
      onUpdate: (revision, bytes) => {
        if (before === 0) this.#openNext();
        if (before < this.#wanted && revision >= this.#wanted && ++this.#synced === this.#options.count) this.#count();
        before = revision;
        this.#options.onUpdate?.(index, bytes);
      },
      onClose: () => {
        if (this.#sidecars[index] === sidecar) this.#sidecars[index] = null;
        if (this.#isClosed) return;
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          this.#open(index);
        }, backoffMs());
        this.#timers.add(timer);
      },
    });
    this.#sidecars[index] = sidecar;
  }

  /** Counts anew who has what is wanted: one that had it may have lost its connection. */
  #count(): void {
    this.#synced = this.#sidecars.filter((one) => one !== null && one.revision >= this.#wanted).length;
    if (this.#synced < this.#options.count) return;
    this.#onSynced?.();
    this.#onSynced = null;
  }
}
