/**
 * Who is in the mesh: registrations with a lease, renewed by heartbeats. Whether a lease has run out is decided here and
 * not by the store, so that a control plane that was away does not empty the mesh: after its start, and after any time in
 * which it could not hear heartbeats, every instance gets one full lease of grace, and time for its sidecar to find the
 * way back. A heartbeat makes no new revision.
 */

import type { Log } from '../../observability/logging/log.ts';
import { readResource } from '../../shared/resources/read.ts';
import type { Clock } from '../../shared/time/clock.ts';
import type { Catalog, CatalogChange } from '../catalog/catalog.ts';
import type { ApplyOptions, Change, Outcome } from '../catalog/change.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import type { Writer } from '../catalog/writer.ts';
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

export class Registry {
  readonly #catalog: Catalog;
  readonly #writer: Writer;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #leases = new Map<string, Lease>();
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
    return this.apply(changes, options);
  }

  /** Renews the lease of an instance; null when there is no such instance, so that it has to register again. */
  async heartbeat(name: string): Promise<Renewal | null> {
    const stored = this.#catalog.stored('Instance', name);
    if (!stored) return null;
    const lease = this.#leases.get(name);
    if (!lease) return { revision: stored.revision, leaseSeconds: 0 };
    lease.deadlineMs = this.#clock.monotonicMs() + lease.leaseMs;
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
    const due = [...this.#leases.values()].filter((lease) => lease.deadlineMs <= nowMs).slice(0, mostRemovals);
    const expired: Lease[] = [];
    for (const lease of due) if (await this.#hasExpired(lease)) expired.push(lease);
    const still = expired.filter((lease) => lease.deadlineMs <= this.#clock.monotonicMs());
    if (still.length > 0 && !this.#closed) await this.#remove(still);
    this.#sweptMs = this.#clock.monotonicMs();
  }

  /** Asks the store as well, since the heartbeats may go to another control plane. */
  async #hasExpired(lease: Lease): Promise<boolean> {
    const nowMs = this.#clock.monotonicMs();
    if (!lease.stored.lease) return true;
    try {
      const time = await this.#store.leaseTime(lease.stored.lease);
      if (time === null) return true;
      const renewedMs = nowMs - (time.grantedMs - time.remainingMs);
      if (renewedMs + lease.leaseMs > lease.deadlineMs) lease.deadlineMs = renewedMs + lease.leaseMs;
      return lease.deadlineMs <= nowMs;
    } catch {
      // Whoever hears the heartbeats could not tell the store either: they get one lease to do so.
      lease.deadlineMs = nowMs + lease.leaseMs;
      return false;
    }
  }

  async #remove(expired: readonly Lease[]): Promise<void> {
    const outcome = await this.#writer.apply(
      expired.map(({ stored }) => ({
        type: 'delete',
        kind: 'Instance',
        name: stored.resource.name,
        onlyAtRevision: stored.revision,
      })),
    );
    if (!outcome.ok) throw new Error(outcome.refusal.detail);
    for (const { resource } of outcome.effects)
      this.#log.info('an instance left the mesh: its lease ran out', { instance: resource.name });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
