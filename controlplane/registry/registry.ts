/**
 * Who is in the mesh: registrations with a lease, renewed by heartbeats. Whether a lease has run out is decided here and
 * not by the store, so that a control plane that was away does not empty the mesh: after its start, and after any time in
 * which it could not hear heartbeats, every instance gets one full lease of grace, and time for its sidecar to find the
 * way back. A heartbeat makes no new revision. Every replica does this, and not a leader: whoever hears a heartbeat knows
 * of it even when the store is away, and what one removes the others need not.
 */

import type { Log } from '../../observability/logging/log.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { ApplyOptions, Change, Outcome } from '../catalog/change.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { Writer } from '../catalog/writer.ts';
import { LeaseHolds } from '../holds/lease-holds.ts';
import { messageOf } from '../message-of.ts';
import type { Store } from '../store/store.ts';

export type Renewal = { readonly revision: number; readonly leaseSeconds: number };
type Lease = { readonly stored: StoredResource; readonly leaseMs: number; deadlineMs: number };

const sweepMs = 200;
/** A sweep that comes so much too late means that heartbeats may have waited as long. */
const stalledMs = 1_000;
/** Sidecars try again to connect every 2.4 s at the slowest, and to send a heartbeat every second. */
const leastGraceMs = 5_000;
const mostRemovals = 100;
/** Time between two looks at the lease of an instance that is held. */
const lookAgainMs = 2_000;

export class Registry {
  readonly #catalog: Catalog;
  readonly #writer: Writer;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #leases = new Map<string, Lease>();
  readonly #held: LeaseHolds;
  readonly #unsubscribe: () => void;
  #timer: NodeJS.Timeout | undefined;
  #sweptMs: number;
  #closed = false;

  constructor(catalog: Catalog, writer: Writer, store: Store, clock: Clock, log: Log) {
    this.#catalog = catalog;
    this.#writer = writer;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#held = new LeaseHolds(catalog.holds, writer.guard, log);
    this.#sweptMs = clock.monotonicMs();
    for (const stored of catalog.sorted('Instance')) this.#follow(stored);
    this.#giveGrace();
    this.#unsubscribe = catalog.subscribe((change) => this.#take(change));
    this.#plan();
  }

  /** Changes the set of resources. Putting an instance again that is as it was renews its lease. */
  async apply(changes: readonly Change[], options: ApplyOptions = {}): Promise<Outcome> {
    const outcome = await this.#writer.apply(changes, options);
    if (outcome.ok && !options.dryRun)
      for (const { action, resource } of outcome.effects)
        if (action === 'unchanged' && resource.kind === 'Instance') await this.heartbeat(resource.name);
    return outcome;
  }

  /** Puts an instance, and its service when there is none of that name. */
  register(document: unknown, options: ApplyOptions = {}): Promise<Outcome> {
    const { kind, spec } = (document ?? {}) as { kind?: unknown; spec?: { service?: unknown } };
    if (kind !== undefined && kind !== 'Instance') {
      const issues = [{ pointer: '/kind', message: 'must be Instance: only instances are registered' }];
      return Promise.resolve({
        ok: false,
        refusal: { code: 'invalid', detail: 'Nothing was stored: 1 fault.', issues },
      });
    }
    const changes: Change[] = [
      { type: 'put', document: isObject(document) ? { kind: 'Instance', ...document } : document },
    ];
    const ofService = { kind: 'Service', name: spec?.service, spec: { protocol: 'http1' } };
    // What is wrong with the service's name is told where the instance says it.
    if (readResource(ofService).ok) changes.push({ type: 'put', document: ofService, onlyIfMissing: true });
    return this.apply(changes, { ...options, isAnsweredFor: true });
  }

  /** Renews the lease of an instance; null when there is no such instance, so that it has to register again. */
  async heartbeat(name: string): Promise<Renewal | null> {
    const stored = this.#catalog.stored('Instance', name);
    if (!stored || !this.#catalog.isInStore(stored.key)) return null;
    const lease = this.#leases.get(name);
    if (!lease) return { revision: stored.revision, leaseSeconds: 0 };
    lease.deadlineMs = this.#clock.monotonicMs() + lease.leaseMs;
    this.#held.renewed(stored);
    try {
      if (stored.lease && !(await this.#store.keepAlive(stored.lease))) return null;
    } catch (error) {
      // The store is away, so nobody can take the instance out either; the next heartbeat tries again.
      this.#log.warn('a lease could not be renewed in the store', { instance: name, why: messageOf(error) });
    }
    return { revision: stored.revision, leaseSeconds: lease.leaseMs / 1000 };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#unsubscribe();
  }

  #take({ changed, removed }: CatalogChange): void {
    for (const { kind, name } of removed) if (kind === 'Instance') this.#leases.delete(name);
    for (const stored of changed) if (stored.resource.kind === 'Instance') this.#follow(stored);
  }

  #follow(stored: StoredResource): void {
    const { resource } = stored;
    if (resource.kind !== 'Instance') return;
    const leaseMs = (resource.spec.leaseSeconds ?? 0) * 1000;
    if (leaseMs === 0) this.#leases.delete(resource.name);
    else this.#leases.set(resource.name, { stored, leaseMs, deadlineMs: this.#clock.monotonicMs() + leaseMs });
  }

  #giveGrace(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const lease of this.#leases.values()) lease.deadlineMs = nowMs + Math.max(lease.leaseMs, leastGraceMs);
  }

  #plan(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.sweep()
        .catch((error: unknown) => this.#log.warn('expired leases could not be removed', { why: messageOf(error) }))
        .finally(() => this.#plan());
    }, sweepMs);
  }

  /** Removes the instances whose lease ran out; called by a timer, or by a test. */
  async sweep(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#sweptMs - sweepMs;
    this.#sweptMs = nowMs;
    if (lateMs > stalledMs) this.#giveGrace();
    const expired: Lease[] = [];
    for (const lease of this.#leases.values())
      if (lease.deadlineMs <= nowMs && (await this.#hasExpired(lease))) expired.push(lease);
    const still = expired.filter((lease) => lease.deadlineMs <= this.#clock.monotonicMs());
    if (still.length > 0 && !this.#closed) await this.#end(still);
    this.#sweptMs = this.#clock.monotonicMs();
  }

  async #end(expired: readonly Lease[]): Promise<void> {
    const { few, overdue } = this.#held.leaving(expired.map(({ stored }) => stored));
    await this.#remove(few, false);
    await this.#remove(overdue, true);
    const againMs = this.#clock.monotonicMs() + lookAgainMs;
    for (const lease of expired) if (this.#catalog.holds.of(lease.stored.key)) lease.deadlineMs = againMs;
  }

  /** Asks the store as well, since the heartbeats may go to another control plane. */
  async #hasExpired(lease: Lease): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs();
    // It has none in the store, and whoever comes back registers again.
    if (!lease.stored.lease || !this.#catalog.isInStore(lease.stored.key)) return true;
    try {
      const time = await this.#store.leaseTime(lease.stored.lease);
      if (time === null) return true;
      const renewedMs = nowMs - (time.grantedMs - time.remainingMs);
      const deadlineMs = renewedMs + lease.leaseMs;
      if (deadlineMs > lease.deadlineMs) lease.deadlineMs = deadlineMs;
      if (deadlineMs > nowMs) this.#held.renewed(lease.stored);
      return lease.deadlineMs <= nowMs;
    } catch {
      // Whoever hears the heartbeats could not tell the store either: they get one lease to do so.
      lease.deadlineMs = nowMs + lease.leaseMs;
      return false;
    }
  }

  async #remove(leaving: readonly StoredResource[], isAnsweredFor: boolean): Promise<void> {
    for (let i = 0; i < leaving.length; i += mostRemovals) {
      const changes = leaving.slice(i, i + mostRemovals).map(({ resource: { name }, revision }): Change => {
        return { type: 'delete', kind: 'Instance', name, onlyAtRevision: revision };
      });
      const outcome = await this.#writer.apply(changes, { isAnsweredFor });
      if (!outcome.ok) throw new Error(outcome.refusal.detail);
      for (const { resource } of outcome.effects)
        this.#log.info('an instance left the mesh: its lease ran out', { instance: resource.name });
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
