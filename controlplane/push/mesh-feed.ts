/**
 * What the streams are told: the catalog as it was last published, and what changed from edition to edition. An edition
 * is what one round over the streams brings, be it one change or a thousand. A stream keeps no more than the edition it
 * has: what it lacks is in the logs, encoded once for all who lack the same.
 *
 *   everything   all changes, for streams without a scope
 *   config       those of services, routes and policies, for streams with one
 *   services     those of instances, by their service
 */
import { updateFields, type WireKey } from '../../shared/discovery/messages.ts';
import { type Kind, kinds, type ResourceKey } from '../../shared/resources/resource.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import { type Change, ChangeLog, wireOf } from './change-log.ts';
import { ServiceFeed } from './service-feed.ts';
import { newUpdate, type Update } from './update.ts';

/** How far a stream has come. */
export type Point = { readonly edition: number; readonly revision: number };

export type Pending = { readonly key: WireKey; readonly stored: StoredResource | null };

/** Whom the last edition concerns. */
export type Touched = { readonly config: boolean; readonly services: ReadonlySet<ServiceFeed> };

/** Changes that many streams lack: the update for them, unless a stream has to look closer. */
export type SharedChanges = {
  readonly update: Update;
  /** Services, routes and policies in it, of which a sidecar may have to get another version. */
  readonly config: readonly StoredResource[];
  /** Instances went from one service to another, so it depends on the scope what a stream is to hear. */
  readonly hasMoves: boolean;
};

export class MeshFeed {
  readonly everything = new ChangeLog();
  readonly config = new ChangeLog();
  #now: Point;
  #before: Point = { edition: 0, revision: 0 };
  #mesh = '';
  readonly #latest = new Map<ResourceKey, { readonly stored: StoredResource; readonly edition: number }>();
  readonly #services = new Map<string, ServiceFeed>();
  readonly #configByKind = new Map<Kind, Map<string, StoredResource>>(kinds.map((kind) => [kind, new Map()]));
  /** Of this edition and mesh: by the edition that streams have, for each log. */
  #shared = new Map<ChangeLog, Map<number, SharedChanges>>();
  #configList: StoredResource[] | null = null;
  #configBlock: Buffer | null = null;
  #full: Update | null = null;

  constructor(catalog: Catalog) {
    this.#now = { edition: 1, revision: catalog.revision };
    for (const stored of catalog.all()) {
      this.#latest.set(stored.key, { stored, edition: 1 });
      this.#hold(stored);
    }
  }

  get now(): Point {
    return this.#now;
  }

  /** The edition before this one. */
  get before(): Point {
    return this.#before;
  }

  /** Id of the mesh; empty while it has none. */
  get mesh(): string {
    return this.#mesh;
  }

  set mesh(id: string) {
    this.#mesh = id;
    this.#full = null;
    this.#shared.clear();
  }

  /** Makes the next edition out of what changed, in which each key comes once. */
  publish(revision: number, pending: Iterable<Pending>): Touched {
    this.#before = this.#now;
    this.#now = { edition: this.#now.edition + 1, revision };
    this.#shared.clear();
    this.#full = null;
    const services = new Set<ServiceFeed>();
    let config = false;
    for (const { key: wireKey, stored } of pending) {
      const key: ResourceKey = `${wireKey.kind}/${wireKey.name}`;
      const last = this.#latest.get(key);
      if (!stored && !last) continue;
      const change: Change = {
        edition: this.#now.edition,
        key,
        wireKey,
        stored,
        before: last?.stored ?? null,
        beforeEdition: last?.edition ?? 0,
      };
      this.everything.add(change);
      if (wireKey.kind === 'Instance') for (const service of this.#logInstance(change)) services.add(service);
      else {
        this.config.add(change);
        config = true;
      }
      if (stored) this.#latest.set(key, { stored, edition: this.#now.edition });
      else this.#latest.delete(key);
      if (last && serviceOf(last.stored) !== (stored && serviceOf(stored))) this.#letGo(last.stored);
      if (stored) this.#hold(stored);
    }
    return { config, services };
  }

  /** Lets go of what every stream has had. */
  forget(edition: number): void {
    this.everything.forget(edition);
    this.config.forget(edition);
    for (const service of this.#services.values()) service.changes.forget(edition);
  }

  /** A resource as it was last published. */
  latest(key: ResourceKey): StoredResource | undefined {
    return this.#latest.get(key)?.stored;
  }

  /** The feed of a service, made when there is none. */
  service(name: string): ServiceFeed {
    let service = this.#services.get(name);
    if (!service) {
      service = new ServiceFeed(name);
      this.#services.set(name, service);
    }
    return service;
  }

  /** Forgets a service that nobody is interested in any more. */
  release(service: ServiceFeed): void {
    if (service.isIdle && this.#services.get(service.name) === service) this.#services.delete(service.name);
  }

  /** All services, routes and policies, in the order in which they have to be applied. */
  get configList(): readonly StoredResource[] {
    this.#configList ??= [...this.#configByKind.values()].flatMap((byName) => [...byName.values()]);
    return this.#configList;
  }

  /** The same as fields of an update. */
  get configBlock(): Buffer {
    this.#configBlock ??= Buffer.concat(this.configList.map(wireOf));
    return this.#configBlock;
  }

  /** The instances of all services as fields of an update. */
  get instanceBlocks(): Buffer[] {
    return [...this.#services.values()].map(({ block }) => block);
  }

  /** The update with everything there is, for those who get it as it stands. */
  get full(): Update {
    this.#full ??= newUpdate(this.head, null, [Buffer.concat([this.configBlock, ...this.instanceBlocks])]);
    return this.#full;
  }

  get head(): { revision: number; mesh: string } {
    return { revision: this.#now.revision, mesh: this.#mesh };
  }

  /** What of a log is new to a stream that has that edition. */
  sharedSince(log: ChangeLog, edition: number): SharedChanges {
    const byEdition = this.#shared.get(log) ?? new Map<number, SharedChanges>();
    this.#shared.set(log, byEdition);
    let shared = byEdition.get(edition);
    if (!shared) {
      shared = this.#share(log.since(edition));
      byEdition.set(edition, shared);
    }
    return shared;
  }

  #share(changes: readonly Change[]): SharedChanges {
    const last = new Map(changes.map((change) => [change.key, change]));
    const fields: Buffer[] = [];
    const config: StoredResource[] = [];
    let hasMoves = false;
    for (const { key, wireKey, stored } of last.values()) {
      fields.push(stored ? wireOf(stored) : updateFields.removed(wireKey));
      if (stored && wireKey.kind !== 'Instance') config.push(stored);
      if (!stored && this.#latest.has(key)) hasMoves = true;
    }
    return { update: newUpdate(this.head, [...last.keys()], [Buffer.concat(fields)]), config, hasMoves };
  }

  /** Notes a change for those who have the service, and for those who have the one it was of before. */
  #logInstance(change: Change): ServiceFeed[] {
    const { stored, before } = change;
    const service = stored && this.service(serviceOf(stored));
    const former = before && this.service(serviceOf(before));
    if (former && former !== service && former.streams.size > 0) former.changes.add({ ...change, stored: null });
    if (service && service.streams.size > 0) service.changes.add(change);
    return [service, former].filter((one) => one !== null);
  }

  #hold(stored: StoredResource): void {
    const { kind, name } = stored.resource;
    if (kind === 'Instance') return this.service(serviceOf(stored)).put(stored);
    this.#configByKind.get(kind)!.set(name, stored);
    this.#configList = this.#configBlock = null;
  }

  #letGo(stored: StoredResource): void {
    const { kind, name } = stored.resource;
    if (kind !== 'Instance') {
      this.#configByKind.get(kind)!.delete(name);
      this.#configList = this.#configBlock = null;
      return;
    }
    const service = this.service(serviceOf(stored));
    service.remove(name);
    this.release(service);
  }
}

/** The service of an instance; empty for everything else. */
export function serviceOf({ resource }: StoredResource): string {
  return resource.kind === 'Instance' ? resource.spec.service : '';
}
