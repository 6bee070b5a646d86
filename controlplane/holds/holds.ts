import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { Clock } from '../../shared/time/clock.ts';

/**
 * `listing`: the store no longer has these, and nobody said why. `leases`: their leases ran out together; they are in the
 * store until somebody takes them out.
 */
export type HoldCause = 'listing' | 'leases';

/** Resources that are served although there is reason to take them away. */
export type Hold = {
  readonly id: string;
  readonly cause: HoldCause;
  /** For people. */
  readonly why: string;
  /** RFC 3339. */
  readonly since: string;
  /** The same by the monotonic clock. */
  readonly sinceMs: number;
  readonly keys: ReadonlySet<ResourceKey>;
};

type OpenHold = Hold & { readonly keys: Set<ResourceKey> };

/** What is held now. A resource is in one hold at most, and a hold ends with its last resource. */
export class Holds {
  readonly #clock: Clock;
  readonly #byId = new Map<string, OpenHold>();
  readonly #byKey = new Map<ResourceKey, OpenHold>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resources held. */
  get size(): number {
    return this.#byKey.size;
  }

  all(): Iterable<Hold> {
    return this.#byId.values();
  }

  get(id: string): Hold | undefined {
    return this.#byId.get(id);
  }

  of(key: ResourceKey): Hold | undefined {
    return this.#byKey.get(key);
  }

  /** Begins a hold, or adds to the one of that id. */
  add(id: string, cause: HoldCause, why: string, keys: Iterable<ResourceKey>): void {
    let hold = this.#byId.get(id);
    if (!hold) {
      const since = new Date(this.#clock.wallMs()).toISOString();
      hold = { id, cause, why, since, sinceMs: this.#clock.monotonicMs(), keys: new Set() };
      this.#byId.set(id, hold);
    }
    for (const key of keys) {
      this.release(key);
      hold.keys.add(key);
      this.#byKey.set(key, hold);
    }
  }

  /** It was put again, or is gone. */
  release(key: ResourceKey): void {
    const hold = this.#byKey.get(key);
    if (!hold) return;
    this.#byKey.delete(key);
    hold.keys.delete(key);
    if (hold.keys.size === 0) this.#byId.delete(hold.id);
  }
}
