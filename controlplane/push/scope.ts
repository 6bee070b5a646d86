import { namePattern } from '../../shared/resources/field-schemas.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';
import { type MeshFeed, serviceOf } from './mesh-feed.ts';
import type { Listener, ServiceFeed } from './service-feed.ts';

const mostServices = 10_000;
const name = new RegExp(namePattern);

/** Null when the names may be a scope; else what is wrong with them. */
export function scopeFault(services: readonly string[]): string | null {
  if (services.length > mostServices) return `a scope has at most ${mostServices} services`;
  const wrong = services.find((service) => !name.test(service));
  return wrong === undefined ? null : `"${wrong.slice(0, 64)}" in the scope is no name of a service`;
}

/** The services whose instances a stream gets, and what it was not told yet of a change of them. */
export class Scope {
  services = new Set<ServiceFeed>();
  /** Came to the scope: all their instances are to be sent. */
  readonly joined = new Set<ServiceFeed>();
  /** Instances that it has of services which left the scope. */
  readonly departed = new Set<ResourceKey>();
  readonly #feed: MeshFeed;
  readonly #stream: Listener;

  constructor(feed: MeshFeed, stream: Listener) {
    this.#feed = feed;
    this.#stream = stream;
  }

  get hasNews(): boolean {
    return this.joined.size > 0 || this.departed.size > 0;
  }

  /** Takes the place of what was there; `edition` is what the stream has. */
  set(names: readonly string[], edition: number): void {
    const next = new Set(names.map((one) => this.#feed.service(one)));
    for (const service of this.services) if (!next.has(service)) this.#leave(service, edition);
    for (const service of next) {
      if (this.services.has(service)) continue;
      service.streams.add(this.#stream);
      this.joined.add(service);
    }
    this.services = next;
  }

  /** It was told all. */
  settle(): void {
    this.joined.clear();
    this.departed.clear();
  }

  /** The instance is one of a service in the scope. */
  covers(instance: StoredResource): boolean {
    return this.services.has(this.#feed.service(serviceOf(instance)));
  }

  close(): void {
    for (const service of this.services) this.#unlink(service);
    this.services.clear();
  }

  #leave(service: ServiceFeed, edition: number): void {
    // Those that it has: still there, or gone since.
    for (const instance of service.instances.keys()) this.departed.add(`Instance/${instance}`);
    for (const { key } of service.changes.since(edition)) this.departed.add(key);
    this.joined.delete(service);
    this.#unlink(service);
  }

  #unlink(service: ServiceFeed): void {
    service.streams.delete(this.#stream);
    this.#feed.release(service);
  }
}
