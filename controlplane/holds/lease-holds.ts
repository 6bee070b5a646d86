/**
 * Instances of one service whose leases run out together are more likely cut off than gone: then they stay, each for
 * at most ten minutes, until heartbeats come again or somebody decides. A few that go are taken out as ever.
 */
import type { Log } from '../../observability/logging/log.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { Holds } from './holds.ts';
import type { LossGuard } from './loss-guard.ts';
import { type Group, groupOf } from './losses.ts';

const longestMs = 600_000;

/** Instances that are to be taken out now. */
export type Leaving = {
  /** Few enough to be believed. */
  readonly few: readonly StoredResource[];
  /** Were held for so long that whoever is alive would have come back. */
  readonly overdue: readonly StoredResource[];
};

export class LeaseHolds {
  readonly #holds: Holds;
  readonly #guard: LossGuard;
  readonly #log: Log;

  constructor(holds: Holds, guard: LossGuard, log: Log) {
    this.#holds = holds;
    this.#guard = guard;
    this.#log = log;
  }

  /** Of the instances whose leases ran out, the ones that leave; the others are held. */
  leaving(expired: readonly StoredResource[]): Leaving {
    const overdue = expired.filter(({ key }) => this.#holds.heldMs(key) >= longestMs);
    const fresh = expired.filter(({ key }) => !this.#holds.of(key));
    const byService = Map.groupBy(fresh, ({ resource }) => groupOf(resource));
    const few = [...byService].flatMap(([service, instances]) =>
      service !== null && this.#hold(service, instances) ? [] : instances,
    );
    return { few, overdue };
  }

  /** A heartbeat came. */
  renewed({ key }: StoredResource): void {
    if (this.#holds.of(key)?.cause === 'leases') this.#holds.release(key);
  }

  /** Holds them if they are too many, with those that are held already; tells whether they are. */
  #hold(service: Group, instances: readonly StoredResource[]): boolean {
    const hold = `leases-${service.slice(service.indexOf('/') + 1)}`;
    const held = this.#holds.get(hold)?.keys.size ?? 0;
    const why = this.#guard.groupLoss(service, held + instances.length);
    if (why === null) return false;
    const keys = instances.map(({ key }) => key);
    this.#holds.add(hold, 'leases', `their leases ran out together: ${why}`, keys);
    const count = keys.length;
    this.#log.warn('kept instances whose leases ran out together; see meshlane holds', { hold, count, why });
    return true;
  }
}
