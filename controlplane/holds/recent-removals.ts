import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { AnyResource } from '../../shared/resources/schema.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import { isAnsweredFor, writerKey } from '../catalog/writer-mark.ts';
import { type Group, groupOf } from './losses.ts';

const leastMs = 10_000;
const mostKept = 10_000;

/**
 * What was removed a moment ago by any control plane and is not back, so that losses that come one by one count together.
 * What somebody answers for does not count: a removal that was confirmed, a sidecar that left by itself.
 */
export class RecentRemovals {
  readonly #catalog: Catalog;
  readonly #clock: Clock;
  readonly #removed = new Map<ResourceKey, { readonly group: Group; readonly untilMs: number }>();

  constructor(catalog: Catalog, clock: Clock) {
    this.#catalog = catalog;
    this.#clock = clock;
    catalog.subscribe((change) => this.#take(change));
  }

  count(group: Group): number {
    const nowMs = this.#clock.monotonicMs();
    let count = 0;
    for (const [key, removed] of this.#removed) {
      if (removed.untilMs <= nowMs || this.#catalog.get(key)) this.#removed.delete(key);
      else if (removed.group === group) count++;
    }
    return count;
  }

  #take({ revision, gone }: CatalogChange): void {
    if (gone.length === 0 || isAnsweredFor(revision, this.#catalog.meta(writerKey))) return;
    for (const { key, resource } of gone) {
      const group = groupOf(resource);
      if (group === null) continue;
      this.#removed.set(key, { group, untilMs: this.#clock.monotonicMs() + windowMs(resource) });
      if (this.#removed.size > mostKept) this.#removed.delete(this.#removed.keys().next().value!);
    }
  }
}

/** Heartbeats come three times per lease, so the leases of instances that are lost together end within a third of one. */
function windowMs(resource: AnyResource): number {
  const leaseSeconds = resource.kind === 'Instance' ? (resource.spec.leaseSeconds ?? 0) : 0;
  return Math.max(leastMs, leaseSeconds * 500);
}
