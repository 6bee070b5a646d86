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
  /** When it began; more may have joined it later. RFC 3339. */
  readonly since: string;
  readonly keys: ReadonlySet<ResourceKey>;
};

type OpenHold = Hold & { readonly keys: Set<ResourceKey> };

/** What is held now. A resource is in one hold at most, and a hold ends with its last resource. */
export class Holds {
  readonly #clock: Clock;
  readonly #byId = new Map<string, OpenHold>();
  readonly #byKey = new Map<ResourceKey, { readonly hold: OpenHold; readonly sinceMs: number }>();

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
    return this.#byKey.get(key)?.hold;
  }

  /** Time for which the resource is held already; 0 for one that is not. */
  heldMs(key: ResourceKey): number {
    const held = this.#byKey.get(key);
    return held ? this.#clock.monotonicMs() - held.sinceMs : 0;
  }

  /** Begins a hold, or adds to the one of that id. */
  add(id: string, cause: HoldCause, why: string, keys: Iterable<ResourceKey>): void {
    let hold = this.#byId.get(id);
    if (!hold) {
      const since = new Date(this.#clock.wallMs()).toISOString();
      hold = { id, cause, why, since, keys: new Set() };
      this.#byId.set(id, hold);
    }
    const sinceMs = this.#clock.monotonicMs();
    for (const key of keys) {
      this.release(key);
      hold.keys.add(key);
      this.#byKey.set(key, { hold, sinceMs });
    }
  }

  /** It was put again, or is gone. */
  release(key: ResourceKey): void {
    const held = this.#byKey.get(key);
    if (!held) return;
    const { hold } = held;
    this.#byKey.delete(key);
    hold.keys.delete(key);
    if (hold.keys.size === 0) this.#byId.delete(hold.id);
  }
}
