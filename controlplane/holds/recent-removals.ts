import type { ResourceSet } from '../../shared/resources/references.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Clock } from '../../shared/time/clock.ts';
import { type Group, groupOf } from './losses.ts';

const leastMs = 10_000;
const mostKept = 10_000;

type Former = { readonly key: ResourceKey; readonly resource: AnyResource };

/** What left its group a moment ago and is not back, so that losses that come one by one count together. */
export class RecentRemovals {
  readonly #set: ResourceSet;
  readonly #clock: Clock;
  readonly #removed = new Map<ResourceKey, { readonly group: Group; readonly untilMs: number }>();

  /** `set`: what there is now. */
  constructor(set: ResourceSet, clock: Clock) {
    this.#set = set;
    this.#clock = clock;
  }

  /** Takes what was removed or replaced by other versions, as it was, once the set shows it. */
  note(former: Iterable<Former>): void {
    for (const { key, resource } of former) {
      const group = groupOf(resource);
      if (group === null || this.#isIn(group, key)) continue;
      this.#removed.set(key, { group, untilMs: this.#clock.monotonicMs() + windowMs(resource) });
      if (this.#removed.size > mostKept) this.#removed.delete(this.#removed.keys().next().value!);
    }
  }

  count(group: Group): number {
    const nowMs = this.#clock.monotonicMs();
    let count = 0;
    for (const [key, removed] of this.#removed) {
      if (removed.untilMs <= nowMs || this.#isIn(removed.group, key)) this.#removed.delete(key);
      else if (removed.group === group) count++;
    }
    return count;
  }

  #isIn(group: Group, key: ResourceKey): boolean {
    const now = this.#set.get(key);
    return now !== undefined && groupOf(now) === group;
  }
}

/** Heartbeats come three times per lease, so the leases of instances that are lost together end within a third of one. */
function windowMs(resource: AnyResource): number {
  const leaseSeconds = resource.kind === 'Instance' ? (resource.spec.leaseSeconds ?? 0) : 0;
  return Math.max(leastMs, leaseSeconds * 500);
}
