import type { Catalog } from '../catalog/catalog.ts';
import type { Step } from '../catalog/plan.ts';
import { type Group, groupOf, isTooMuch, lossText } from './losses.ts';

/** Says what would be lost by a change, together with what was removed a moment ago. */
export class LossGuard {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  /** For people: what the steps would take away; null when that is nothing out of the ordinary. */
  lossOf(steps: readonly Step[]): string | null {
    const growth = new Map<Group, number>();
    const grow = (group: Group | null, by: number) => {
      if (group !== null) growth.set(group, (growth.get(group) ?? 0) + by);
    };
    for (const { action, resource, known } of steps) {
      if (known) grow(groupOf(known.resource), -1);
      if (action !== 'removed') grow(groupOf(resource), 1);
    }
    const losses = [...growth].flatMap(([group, by]) => (by < 0 ? (this.groupLoss(group, -by) ?? []) : []));
    return losses.length > 0 ? losses.join(', ') : null;
  }

  /** The same for so many of one group. */
  groupLoss(group: Group, count: number): string | null {
    const now = this.#size(group);
    const before = now + this.#catalog.recentRemovals.count(group);
    return isTooMuch(group, before, now - count) ? lossText(group, before, now - count) : null;
  }

  #size(group: Group): number {
    if (group === 'routes') return this.#catalog.count('Route');
    let size = 0;
    for (const resource of this.#catalog.list('Instance')) if (groupOf(resource) === group) size++;
    return size;
  }
}
