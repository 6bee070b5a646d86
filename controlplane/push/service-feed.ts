import type { StoredResource } from '../catalog/stored-resource.ts';
import { ChangeLog, wireOf } from './change-log.ts';

/** Who is told that something was published. */
export type Listener = { offer(): void };

/** The instances of one service, and who gets them. The service itself need not exist. */
export class ServiceFeed {
  readonly name: string;
  readonly instances = new Map<string, StoredResource>();
  readonly changes = new ChangeLog();
  /** Whose scope it is in: a change of an instance touches nobody else. */
  readonly streams = new Set<Listener>();
  #block: Buffer | null = null;

  constructor(name: string) {
    this.name = name;
  }

  put(stored: StoredResource): void {
    this.instances.set(stored.resource.name, stored);
    this.#block = null;
  }

  remove(instance: string): void {
    this.instances.delete(instance);
    this.#block = null;
  }

  /** All instances as fields of an update, encoded once for all who come to the service. */
  get block(): Buffer {
    this.#block ??= Buffer.concat([...this.instances.values()].map(wireOf));
    return this.#block;
  }

  /** Nobody would miss it. */
  get isIdle(): boolean {
    return this.streams.size === 0 && this.instances.size === 0;
  }
}
