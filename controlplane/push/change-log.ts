import { updateFields, type WireKey } from '../../shared/discovery/messages.ts';
import type { ResourceKey } from '../../shared/resources/resource.ts';
import type { StoredResource } from '../catalog/stored-resource.ts';

/** What became of one resource in one edition of the feed. */
export type Change = {
  readonly edition: number;
  readonly key: ResourceKey;
  readonly wireKey: WireKey;
  /** Null: it is gone. */
  readonly stored: StoredResource | null;
  /** What it was before, from that edition on; null when it was not there. */
  readonly before: StoredResource | null;
  readonly beforeEdition: number;
};

/** Changes in the order in which they were published; in one edition, each key comes once. */
export class ChangeLog {
  #changes: Change[] = [];

  add(change: Change): void {
    this.#changes.push(change);
  }

  /** Edition of the last change. */
  get edition(): number {
    return this.#changes.at(-1)?.edition ?? 0;
  }

  get isEmpty(): boolean {
    return this.#changes.length === 0;
  }

  /** All changes after that edition. */
  since(edition: number): readonly Change[] {
    let from = this.#changes.length;
    while (from > 0 && this.#changes[from - 1]!.edition > edition) from--;
    return this.#changes.slice(from);
  }

  /** Lets go of what every stream has had. */
  forget(edition: number): void {
    if (!this.isEmpty && this.#changes[0]!.edition <= edition) this.#changes = [...this.since(edition)];
  }
}

const wires = new WeakMap<StoredResource, Buffer>();

/** A resource as a field of an update; encoded once. */
export function wireOf(stored: StoredResource): Buffer {
  let wire = wires.get(stored);
  if (!wire) {
    const { kind, name } = stored.resource;
    wire = updateFields.resource({ key: { kind, name }, revision: stored.revision, document: stored.document });
    wires.set(stored, wire);
  }
  return wire;
}
